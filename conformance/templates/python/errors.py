"""Errors as the contract wants them: gRPC statuses that carry google.rpc.ErrorInfo (GEN-04, GEN-05)."""

import grpc
from google.protobuf import any_pb2
from google.rpc import code_pb2, error_details_pb2, status_pb2

DOMAIN = "prism"


class Refusal(Exception):
    """An error to answer with.

    `reason` is one of the words in proto/prism/contract/v1/contract.proto. `outcome` says what became of a write:
    `not_applied` where it has changed nothing and never will, `unknown` where it may have.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        reason: str,
        message: str,
        *,
        field: str | None = None,
        retry_after: float | None = None,
        outcome: str = "not_applied",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        info = error_details_pb2.ErrorInfo(domain=DOMAIN, reason=reason, metadata={"outcome": outcome})
        self.details = [info]
        if field is not None:
            violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
            self.details.append(error_details_pb2.BadRequest(field_violations=[violation]))
        if retry_after is not None:
            retry = error_details_pb2.RetryInfo()
            retry.retry_delay.FromMilliseconds(int(retry_after * 1000))
            self.details.append(retry)

    async def send(self, context: grpc.aio.ServicerContext) -> None:
        """Ends the call with this error."""
        status = status_pb2.Status(code=code_pb2.Code.Value(self.code.name), message=self.message)
        for detail in self.details:
            packed = any_pb2.Any()
            packed.Pack(detail)
            status.details.append(packed)
        trailer = ("grpc-status-details-bin", status.SerializeToString())
        await context.abort(self.code, self.message, (trailer,))


def invalid_argument(reason: str, message: str, field: str | None = None) -> Refusal:
    """The request is wrong, whatever the state."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, reason, message, field=field)
