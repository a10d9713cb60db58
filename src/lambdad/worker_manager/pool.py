"""The environments of one build, and what is to be done with them: the nouns of `policy`. Pure."""

from collections import deque
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from lambdad.domain.errors import LambdadError
from lambdad.domain.functions import Version
from lambdad.worker.api import EndReason, Environment
from lambdad.worker_manager.api import PoolReport

W = TypeVar("W")
"""What waits: the shell's own kind of object, hashable."""

Key: TypeAlias = tuple[str, str, str, str, str]
"""Account, region, function name, version, build."""


@dataclass(slots=True, eq=False)
class Provision:
    """The environments that a build has for its provisioned concurrency."""

    target: int
    held: set[str] = field(default_factory=set)
    """Ids of those that are initialised, whether idle or busy."""
    idle: list[Environment] = field(default_factory=list)
    """The most recently used one last."""
    starting: int = 0
    failure: str | None = None
    """Why the latest start failed, until one succeeds."""
    failures: int = 0
    """In a row."""
    retry_at: float | None = None
    """Nothing is started before."""
    invocations: int = 0
    spillovers: int = 0
    """Invocations that a provisioned environment served, and those that it had none for."""

    @property
    def missing(self) -> int:
        return max(0, self.target - len(self.held) - self.starting)


@dataclass(slots=True, eq=False)
class Pool(Generic[W]):
    """The environments of one build, by what they do now."""

    key: Key
    version: Version
    idle: deque[tuple[Environment, float]]
    """With the time since when; the most recently used one is on the right."""
    busy: dict[str, Environment]
    """By id."""
    starting: int
    waiting: dict[W, int]
    """Longest waiting first, with the number of failed starts that each has borne."""
    retired: bool
    provision: Provision | None = None
    """None without provisioned concurrency, and on the way of most invokes."""

    def __repr__(self) -> str:
        _, _, name, version, _ = self.key
        counts: tuple[tuple[int, str], ...] = (
            (len(self.busy), "busy"),
            (len(self.idle), "idle"),
            (self.starting, "starting"),
            (len(self.waiting), "waiting"),
        )
        if self.provision is not None:
            counts += ((len(self.provision.held), "provisioned"), (self.provision.starting, "to be provisioned"))
        text = ", ".join(f"{count} {what}" for count, what in counts if count)
        return f"<Pool {name}:{version} [{text or 'empty'}]{' retired' if self.retired else ''}>"

    @property
    def empty(self) -> bool:
        return not (self.idle or self.busy or self.starting or self.waiting or self.provision)

    @property
    def report(self) -> PoolReport:
        provision = self.provision
        return PoolReport(
            self.version.qualified_arn,
            self.version.build,
            len(self.busy),
            len(self.idle) + (len(provision.idle) if provision else 0),
            self.starting + (provision.starting if provision else 0),
            len(self.waiting),
            self.retired,
            len(provision.held) if provision else 0,
        )


@dataclass(frozen=True, slots=True)
class Grant(Generic[W]):
    """`waiter` holds `environment` from now on."""

    waiter: W
    environment: Environment
    pool: Pool[W]


@dataclass(frozen=True, slots=True)
class Refuse(Generic[W]):
    waiter: W
    error: LambdadError


@dataclass(frozen=True, slots=True)
class Start(Generic[W]):
    """Start an environment; `started` or `start_failed` follows. Where room has to be made, end `first` before."""

    pool: Pool[W]
    first: Environment | None = None
    provisioned: bool = False
    """For provisioned concurrency; an environment whose INIT fails is none then."""


@dataclass(frozen=True, slots=True)
class End:
    environment: Environment
    reason: EndReason


Effect: TypeAlias = Grant[W] | Refuse[W] | Start[W] | End
