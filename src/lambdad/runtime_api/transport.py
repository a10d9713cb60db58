"""What the two transports have in common: whom they talk to, and what an event looks like when it is handed over."""

from typing import Final, Protocol

from msgspec import Struct

from lambdad.runtime_api.events import Event, Refused, RuntimeEvent

SCRATCH: Final = 262_144
"""Bytes of the buffer that all transports of a worker read into: a Unix socket holds no more than this by default."""


class Handover(Struct, frozen=True, omit_defaults=True):
    """What a runtime learns of an invocation besides the event itself; also the head of the channel's INVOKE frame."""

    id: str
    deadline_ms: int
    """Epoch."""
    arn: str
    trace: str
    client_context: str | None = None
    cognito_identity: str | None = None
    tenant: str | None = None


class Supervisor(Protocol):
    """Who a transport reports to: the environment."""

    def receive(self, event: Event) -> None:
        """Of anything but Next. Raises Refused for what the runtime may not say now."""
        ...

    def waits(self, transport: "Transport") -> None:
        """The runtime has said Next on this transport: where the event will go, unless another one waits already, so that
        user code which asks over HTTP does not take the events of the runtime on the channel. Raises Refused."""
        ...

    def refusal(self, event: RuntimeEvent) -> Refused | None:
        """Whether `receive` would refuse; for requests whose body has yet to come."""
        ...


class Transport(Protocol):
    """A way to one runtime."""

    def deliver(self, handover: Handover, payload: bytes) -> bool:
        """Hand the event to the runtime that said Next. False: it has gone away meanwhile, nothing was sent."""
        ...

    def pause(self) -> None:
        """Read no more until `resume`: what reads the other end is slower than the runtime."""
        ...

    def resume(self) -> None: ...
