"""What a stranger's client makes of the proxy: grpcio, with everything about the services learned by reflection.

Called with the proxy's address; prints a line for each thing that holds, and ends with a traceback at the first that
does not.
"""

import sys
import threading

import grpc
from google.protobuf import descriptor_pool, message_factory
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

TIMEOUT = 30
IN_TESTS = (("prism-namespace", "tests"),)


class Service:
    """The methods of a service, made of its descriptor."""

    def __init__(self, channel, pool, name):
        for method in pool.FindServiceByName(name).methods:
            request = message_factory.GetMessageClass(method.input_type)
            response = message_factory.GetMessageClass(method.output_type)
            kind = channel.unary_stream if method.server_streaming else channel.unary_unary
            call = kind(
                f"/{name}/{method.name}",
                request_serializer=request.SerializeToString,
                response_deserializer=response.FromString,
            )
            setattr(self, method.name, self._bind(call, request))

    @staticmethod
    def _bind(call, request):
        def bound(metadata=IN_TESTS, timeout=TIMEOUT, **fields):
            return call(request(**fields), metadata=metadata, timeout=timeout)

        bound.raw, bound.request = call, request
        return bound


def refused(call):
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise AssertionError("it was not refused")


def info_of(error):
    """The google.rpc.ErrorInfo of an error, which travels in binary metadata."""
    for detail in rpc_status.from_call(error).details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            return info
    raise AssertionError(f"no ErrorInfo in {error}")


def main(address):
    channel = grpc.insecure_channel(address)
    grpc.channel_ready_future(channel).result(TIMEOUT)

    reflected = ProtoReflectionDescriptorDatabase(channel)
    services = set(reflected.get_services())
    for service in ("KeyValueBasic", "KeyValueTtl"):
        assert f"prism.keyvalue.v1.{service}" in services, services
    assert "prism.pubsub.v1.PubSubBasic" in services and "grpc.health.v1.Health" in services, services
    pool = descriptor_pool.DescriptorPool(reflected)
    basic = Service(channel, pool, "prism.keyvalue.v1.KeyValueBasic")
    pubsub = Service(channel, pool, "prism.pubsub.v1.PubSubBasic")
    print("reflection")

    basic.Set(key="k", value=b"\x00\xff")
    found = basic.Get(key="k")
    assert found.found and found.value == b"\x00\xff", found
    large = b"x" * (1 << 20)
    basic.Set(key="large", value=large)
    assert basic.Get(key="large").value == large
    print("unary")

    answer, call = basic.Get.raw.with_call(
        basic.Get.request(key="k"), metadata=(*IN_TESTS, ("x-request-id", "mine")), timeout=TIMEOUT
    )
    headers = dict(call.initial_metadata())
    assert answer.found and headers.get("x-request-id") == "mine", headers
    print("metadata")

    stream = pubsub.Subscribe(topic="t")
    events = iter(stream)
    assert next(events).WhichOneof("event") == "ready"
    for number in range(100):
        pubsub.Publish(topic="t", payload=str(number).encode())
    got = [next(events).message.payload for _ in range(100)]
    assert got == [str(number).encode() for number in range(100)], got
    stream.cancel()
    assert refused(lambda: next(events)).code() == grpc.StatusCode.CANCELLED
    print("server streaming")

    late = refused(lambda: list(pubsub.Subscribe(topic="t", timeout=0.2)))
    assert late.code() == grpc.StatusCode.DEADLINE_EXCEEDED, late
    print("deadline")

    missing = refused(lambda: basic.Get(key="k", metadata=()))
    assert missing.code() == grpc.StatusCode.INVALID_ARGUMENT, missing
    assert (info_of(missing).domain, info_of(missing).reason) == ("prism", "NAMESPACE_MISSING")
    elsewhere = refused(lambda: basic.Get(key="k", metadata=(("prism-namespace", "elsewhere"),)))
    assert elsewhere.code() == grpc.StatusCode.NOT_FOUND, elsewhere
    assert info_of(elsewhere).domain == "prism"
    empty = refused(lambda: basic.Get(key=""))
    assert empty.code() == grpc.StatusCode.INVALID_ARGUMENT and info_of(empty).reason == "NAME_EMPTY", empty
    print("error details")

    health = health_pb2_grpc.HealthStub(channel)
    for service in ("", "tests"):
        status = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT).status
        assert status == health_pb2.HealthCheckResponse.SERVING, (service, status)
    print("health")

    wrong = []

    def work(number):
        namespace = (("prism-namespace", f"team-{number % 4}"),)
        try:
            for turn in range(25):
                key = f"{number}-{turn}"
                basic.Set(key=key, value=key.encode(), metadata=namespace)
                if basic.Get(key=key, metadata=namespace).value != key.encode():
                    wrong.append(key)
        except Exception as error:  # what a thread raises is lost otherwise
            wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    print("many threads")
    channel.close()


if __name__ == "__main__":
    main(sys.argv[1])
