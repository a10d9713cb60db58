"""Every setting of a node, frozen: read once by the command line, handed down in slices. docs/settings.md lists them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from lambdad.domain import limits

Auth = Literal["any", "strict"]
Isolation = Literal["namespaces", "process"]
Reach = Literal["none", "aws", "egress"]
"""Of functions: the Runtime API alone; lambdad's AWS endpoint too; the outside too."""


def default_data_dir(environment: Mapping[str, str]) -> Path:
    """`$XDG_DATA_HOME/lambdad`, else `~/.local/share/lambdad` (XDG Base Directory Specification 0.8)."""
    home = environment.get("XDG_DATA_HOME") or str(Path(environment.get("HOME") or "/") / ".local" / "share")
    return Path(home) / "lambdad"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    data_dir: Path
    """Where functions, layers, code and logs live. One lambdad at a time; private to its user."""
    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 4566
    """TCP port; 0 takes a free one. 4566 is what tools for AWS emulators expect."""
    auth: Auth | None = None
    """Whether every request must be signed by credentials that lambdad gave out (`strict`), or any others are the root user
    (`any`), which only a loopback address allows. None: `any` on loopback addresses, else `strict`."""
    isolation: Isolation | None = None
    """None: the strongest level that the host offers, but never `process`, which has to be asked for."""
    network: Reach | None = None
    """None: `egress` where the host can do it, as on AWS, else `aws`. At the isolation level `process` there is nothing to
    choose."""
    account: str = "000000000000"
    """Account of callers whose access key id is not itself an account of twelve digits; emulators' habit."""
    concurrency: int = limits.CONCURRENCY
    """Concurrent executions per account and region; AWS's default."""
    requests_per_concurrency: int = limits.REQUESTS_PER_CONCURRENCY
    """Synchronous requests per second for each unit of concurrency, of the account or of a reservation; 0: any number."""
    scaling_rate: int = limits.SCALING_RATE
    """Environments that one function may gain in ten seconds; AWS's figure. 0: any number."""
    keep_warm: float = 600.0
    """Seconds that an idle environment is kept. AWS keeps them for some 5 to 15 minutes."""
    parallel_starts: int | None = None
    """Environments that are made at a time; None: two for each processor. More would only make each of them slower."""
    max_age: float = 50_400.0
    """Seconds after which an environment is replaced by a new one: 14 hours, as long as AWS leases a worker for."""
    memory_floor: int | None = None
    """MB that the host is to have left; under that idle environments end, those idle longest first. None: a twentieth of
    the host's memory, at most 1,024. 0: idle environments never mind the host's memory."""
    stems: int = 2
    """Sandboxes kept ready, without code, for each runtime in use, at least."""
    most_stems: int = 24
    """Sandboxes kept ready for one runtime at most; as many as were needed, or functions were created, in the last seconds."""
    freeze_after: float = 0.5
    """Seconds without an invocation after which nothing of a function runs any more, at the earliest; 0: never. AWS freezes
    at once."""
    memory: int | None = None
    """MB that environments may be promised together; None: no limit but the host's own, since idle functions use a
    fraction of what they are promised."""
    connections: int = 4096
    """Of clients at a time; never more than half of the files that the process may have open. Beyond it those go that have
    no request in progress, and where there are none a new one is refused."""
    grace: float = 10.0
    """Seconds that running requests get to finish when lambdad is told to stop."""
    retry_delay: float = 60.0
    """Seconds before the first retry of a failed asynchronous invocation; the second waits twice as long, as on AWS."""
    remote_queues: Mapping[str, str] = field(default_factory=dict)
    """Accounts whose SQS queues are somewhere else, AWS or another server, and the profile of AWS's configuration files
    (endpoint, credentials) by which event source mappings reach them."""
    companions: bool = True
    """Whether moto, where it is installed, answers for the services of AWS that lambdad does not have itself."""
    companion: Mapping[str, str] = field(default_factory=dict)
    """Services, by botocore's names, that are at another endpoint instead: its address, and behind a comma a profile of AWS's
    configuration files with whose credentials requests are signed. Every account of this lambdad reaches it so."""
