"""The interface keyvalue_basic: proto/prism/keyvalue/v1/keyvalue_basic.proto says what is demanded."""

from prism.keyvalue.v1 import keyvalue_basic_pb2 as pb
from prism.keyvalue.v1 import keyvalue_basic_pb2_grpc

import stubs
from calls import data_call
from errors import invalid_argument

MAX_KEY_BYTES = 4 * 1024
MAX_VALUE_BYTES = 1024 * 1024


class KeyValueBasic(keyvalue_basic_pb2_grpc.KeyValueBasicServicer):
    ID = "keyvalue_basic"
    PROTO_HASH = stubs.proto_hash("prism/keyvalue/v1/keyvalue_basic.proto")
    SERVICE = pb.DESCRIPTOR.services_by_name["KeyValueBasic"].full_name
    # As in backend.yaml.
    TRAITS = {"max_key_bytes": "4KiB", "max_value_bytes": "1MiB"}

    def __init__(self, lifecycle) -> None:
        self.lifecycle = lifecycle

    @data_call
    async def Set(self, store, namespace, request):
        key = checked_key(request.key)
        if len(request.value) > MAX_VALUE_BYTES:
            message = f"`value` has {len(request.value)} bytes; the most is {MAX_VALUE_BYTES}"
            raise invalid_argument("VALUE_TOO_LARGE", message, "value")
        await store.set(namespace, key, request.value)
        return pb.SetResponse()

    @data_call
    async def Get(self, store, namespace, request):
        value = await store.get(namespace, checked_key(request.key))
        return pb.GetResponse(found=value is not None, value=value or b"")

    @data_call
    async def Delete(self, store, namespace, request):
        existed = await store.delete(namespace, checked_key(request.key))
        return pb.DeleteResponse(existed=existed)

    @data_call
    async def Exists(self, store, namespace, request):
        exists = await store.exists(namespace, checked_key(request.key))
        return pb.ExistsResponse(exists=exists)


def checked_key(key: str) -> bytes:
    """The bytes of a key, which is what keys are compared by (GEN-06, GEN-07, GEN-08)."""
    encoded = key.encode()
    if not encoded:
        raise invalid_argument("NAME_EMPTY", "`key` is empty", "key")
    if len(encoded) > MAX_KEY_BYTES:
        message = f"`key` has {len(encoded)} bytes; the most is {MAX_KEY_BYTES}"
        raise invalid_argument("NAME_TOO_LONG", message, "key")
    return encoded
