"""How an environment begins, as far as its log and its callers see it: with INIT, or with RESTORE from a snapshot."""

from typing import Literal

from msgspec.structs import replace

from lambdad.domain.errors import SnapStartFailure, SnapStartTimeout
from lambdad.domain.functions import Version
from lambdad.logs import lines
from lambdad.runtime_api.effects import InitEnded
from lambdad.worker.api import Initialization


class Init:
    """Of one environment."""

    def __init__(self, initialization: Initialization = "on-demand", runtime_version: str = "") -> None:
        self._initialization: Initialization = initialization
        self._runtime_version = runtime_version

    def began(self, now: float) -> float:
        """When it did; `now`: the process waits for START."""
        return now

    def start(self, version: Version, phase: Literal["init", "invoke"]) -> lines.Event:
        arn = version.runtime_version_arn
        return lines.InitStart(self._runtime_version, arn, self._initialization, phase, version.name, version.version)

    def ended(self, how: InitEnded) -> tuple[lines.Event, ...]:
        return (
            lines.InitRuntimeDone(how.status, how.error_type, self._initialization),
            lines.InitReport(how.duration_ms, how.status, how.error_type, self._initialization),
        )

    def check(self) -> None:
        """A failed INIT is no error yet: it runs again with the first invocation."""

    def report(self, report: lines.Report) -> lines.Report:
        """An invocation's, which has an Init Duration if it was the first."""
        return report


class Restore(Init):
    """The same of one that is restored. Its Restore Duration counts from when that began."""

    def __init__(self, runtime_version: str, began: float) -> None:
        super().__init__("snap-start", runtime_version)
        self._began = began
        self._free_ms = 0.0
        self._failure: SnapStartTimeout | SnapStartFailure | None = None

    def began(self, now: float) -> float:
        self._free_ms = (now - self._began) * 1000
        return self._began

    def start(self, version: Version, phase: Literal["init", "invoke"]) -> lines.Event:
        return lines.RestoreStart(self._runtime_version, version.runtime_version_arn, version.name, version.version)

    def ended(self, how: InitEnded) -> tuple[lines.Event, ...]:
        if how.status != "success":
            self._failure = SnapStartTimeout() if how.status == "timeout" else SnapStartFailure()
        return (
            lines.RestoreRuntimeDone(how.status, how.error_type),
            lines.RestoreReport(how.duration_ms, how.status, how.error_type),
        )

    def check(self) -> None:
        """Raises SnapStartTimeout, or SnapStartFailure for a hook that failed."""
        if self._failure is not None:
            raise self._failure

    def report(self, report: lines.Report) -> lines.Report:
        """What is billed is the runtime's own part, not how long it took until that ran."""
        if report.init_ms is None:
            return report
        own_ms = max(0.0, report.init_ms - self._free_ms)
        return replace(
            report,
            billed_ms=lines.billed(report.duration_ms, own_ms),
            init_ms=None,
            restore_ms=report.init_ms,
            billed_restore_ms=lines.billed(own_ms),
        )
