"""What every call of a data interface has around it: state, namespace, draining, errors."""

import functools
import logging
import re

import grpc

from errors import Refusal, invalid_argument

_NAMESPACE = re.compile(r"[a-z0-9]([a-z0-9-]{0,62})")


def answers(method):
    """Answers with a status for every error that the method raises."""

    @functools.wraps(method)
    async def call(self, request, context):
        try:
            return await method(self, request, context)
        except Refusal as refusal:
            await refusal.send(context)
        except Exception as error:
            logging.exception("%s failed", method.__name__)
            message = f"{type(error).__name__}: {error}"
            refusal = Refusal(grpc.StatusCode.INTERNAL, "BACKEND_FAILED", message, outcome="unknown")
            await refusal.send(context)

    return call


def data_call(method):
    """An rpc of a data interface, which is called as `method(self, store, namespace, request)`."""

    @answers
    @functools.wraps(method)
    async def call(self, request, context):
        store = self.lifecycle.admit()
        namespace = namespace_of(context)
        return await self.lifecycle.in_flight(method(self, store, namespace, request))

    return call


def namespace_of(context: grpc.aio.ServicerContext) -> str:
    """The namespace of a call (GEN-01, GEN-02)."""
    value = dict(context.invocation_metadata()).get("prism-namespace")
    if value is None:
        raise invalid_argument("NAMESPACE_MISSING", "the header `prism-namespace` is missing")
    if not isinstance(value, str) or not _NAMESPACE.fullmatch(value):
        raise invalid_argument("NAMESPACE_MALFORMED", f"{value!r} is not a namespace")
    return value


class NotServed(grpc.GenericRpcHandler):
    """Answers to every call that no service answers (GEN-13)."""

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        async def refuse(_, context):
            message = f"{details.method} is not served"
            await Refusal(grpc.StatusCode.UNIMPLEMENTED, "NOT_SERVED", message).send(context)

        return grpc.stream_stream_rpc_method_handler(refuse)
