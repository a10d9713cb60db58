"""What AWS says of an environment that was restored from a snapshot, in place of INIT."""

from msgspec.structs import replace

from lambdad.domain.errors import SnapStartFailure, SnapStartTimeout
from lambdad.logs import lines


class Restore:
    """Of one environment."""

    __slots__ = ("failure", "free_ms")

    def __init__(self, free_ms: float) -> None:
        """Of its duration the part that is lambdad's own, before the runtime ran."""
        self.free_ms = free_ms
        self.failure: SnapStartTimeout | SnapStartFailure | None = None

    def ended(self, status: str) -> None:
        if status != "success":
            self.failure = SnapStartTimeout() if status == "timeout" else SnapStartFailure()

    def in_report(self, report: lines.Report) -> lines.Report:
        if report.init_ms is None:
            return report
        own_ms = max(0.0, report.init_ms - self.free_ms)
        return replace(
            report,
            billed_ms=lines.billed(report.duration_ms, own_ms),
            init_ms=None,
            restore_ms=report.init_ms,
            billed_restore_ms=lines.billed(own_ms),
        )
