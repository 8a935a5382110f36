"""The life of the driver: proto/prism/lifecycle/v1/lifecycle.proto says what is demanded."""

import asyncio

import grpc
from grpc_health.v1 import health_pb2
from prism.lifecycle.v1 import lifecycle_pb2 as pb
from prism.lifecycle.v1 import lifecycle_pb2_grpc

import store
from calls import answers, namespace_of
from errors import Refusal, invalid_argument

# How long Drain waits where the caller does not say, in seconds.
DRAIN_TIMEOUT = 10


class Lifecycle(lifecycle_pb2_grpc.LifecycleServicer):
    def __init__(self, name, version, interfaces, healths) -> None:
        self.name = name
        self.version = version
        self.interfaces = interfaces
        self.healths = healths
        # created, initialized, starting, running, draining, drained, stopped
        self.state = "created"
        self.settings = {}
        self.store = None
        # The calls in flight, and those of them that were cut off.
        self.calls = set()
        self.cut = set()

    @answers
    async def Describe(self, request, context):
        interfaces = [
            pb.InterfaceDescription(
                id=interface.ID, proto_hash=interface.PROTO_HASH, traits=interface.TRAITS
            )
            for interface in self.interfaces
        ]
        server_version = self.store.version() if self.store else ""
        return pb.DescribeResponse(
            name=self.name, version=self.version, server_version=server_version, interfaces=interfaces
        )

    @answers
    async def Initialize(self, request, context):
        self.expect("Initialize", "created", "stopped")
        settings = dict(request.settings)
        store.check(settings)
        self.settings = settings
        self.state = "initialized"
        return pb.InitializeResponse()

    @answers
    async def Start(self, request, context):
        self.expect("Start", "initialized")
        self.state = "starting"
        try:
            self.store = await store.Store.open(self.settings)
            self.state = "running"
        finally:
            # Where it did not come about, it can be tried again.
            if self.state == "starting":
                self.state = "initialized"
        await self.publish_health()
        return pb.StartResponse()

    @answers
    async def Drain(self, request, context):
        timeout = DRAIN_TIMEOUT
        if request.HasField("timeout"):
            timeout = request.timeout.ToMilliseconds() / 1000
            if timeout < 0:
                raise invalid_argument("ARGUMENT_INVALID", "`timeout` is negative", "timeout")
        self.expect("Drain", "running")
        self.state = "draining"
        await self.publish_health()
        # No call is admitted any more, so these are all.
        ended, left = set(), set()
        if self.calls:
            ended, left = await asyncio.wait(self.calls, timeout=timeout)
        self.cut_off(left)
        # Stop may have come in between.
        if self.state == "draining":
            self.state = "drained"
        return pb.DrainResponse(drained=len(ended), aborted=len(left))

    @answers
    async def Stop(self, request, context):
        self.expect("Stop", "initialized", "running", "draining", "drained")
        self.state = "stopped"
        await self.close()
        await self.publish_health()
        return pb.StopResponse()

    @answers
    async def HealthCheck(self, request, context):
        if self.state != "running":
            message = f"the driver is {self.state}"
            return pb.HealthCheckResponse(health=pb.HEALTH_NOT_RUNNING, message=message)
        try:
            await self.store.health()
        except Refusal as refusal:
            return pb.HealthCheckResponse(health=pb.HEALTH_UNHEALTHY, message=refusal.message)
        return pb.HealthCheckResponse(health=pb.HEALTH_HEALTHY)

    @answers
    async def DropNamespace(self, request, context):
        namespace = namespace_of(context)
        self.expect("DropNamespace", "running")
        await self.store.drop(namespace)
        return pb.DropNamespaceResponse()

    def expect(self, call: str, *states: str) -> None:
        """Refuses a call that comes in another state (LIF-02)."""
        if self.state not in states:
            message = f"{call} is not possible while the driver is {self.state}"
            raise Refusal(grpc.StatusCode.FAILED_PRECONDITION, "LIFECYCLE_STATE", message)

    def admit(self) -> "store.Store":
        """The store for a call of a data interface, where such calls are taken (LIF-04, LIF-05)."""
        if self.state in ("draining", "drained"):
            message = "the driver is draining and takes no new calls"
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "DRAINING", message, retry_after=1)
        self.expect("a call", "running")
        return self.store

    async def in_flight(self, call):
        """Carries a call out, so that Drain and Stop know of it."""
        task = asyncio.ensure_future(call)
        self.calls.add(task)
        try:
            return await task
        except asyncio.CancelledError:
            if task not in self.cut:
                # The client has gone away.
                raise
            message = "the driver stopped before the call had ended"
            refusal = Refusal(grpc.StatusCode.UNAVAILABLE, "DRAINING", message, outcome="unknown")
            raise refusal from None
        finally:
            self.calls.discard(task)
            self.cut.discard(task)

    def cut_off(self, calls) -> None:
        for call in list(calls):
            self.cut.add(call)
            call.cancel()

    async def close(self) -> None:
        """Ends what is open."""
        self.cut_off(self.calls)
        closing, self.store = self.store, None
        if closing is not None:
            await closing.close()

    async def publish_health(self) -> None:
        """Lets grpc.health.v1 say what the state is."""
        status = health_pb2.HealthCheckResponse
        status = status.SERVING if self.state == "running" else status.NOT_SERVING
        for service in ("", *(interface.SERVICE for interface in self.interfaces)):
            await self.healths.set(service, status)
