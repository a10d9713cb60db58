"""When is a function out of memory? Pure.

Pages of a tmpfs are charged to the memory cgroup of whoever wrote them, so a file in /tmp looks like memory of the
function; AWS counts it against EphemeralStorage only. Freezing a group at its limit would be exact, but the kernel does it
for page faults only: a write(2) to /tmp at the limit would fail (ENOMEM) instead of waiting. So the kernel's own limit is
MemorySize + EphemeralStorage, which can never stop a function that keeps both promises, and below it a threshold wakes
lambdad, which looks at what the usage is made of: /tmp, page cache (the kernel takes that back by itself), and the rest,
which is what counts. Too much of the rest is the end; otherwise the threshold moves to where the rest could be too much.
"""

from dataclasses import dataclass

from lambdad.domain.limits import MIB

SMALLEST_STEP = MIB
"""How near the next threshold may be: closer ones would only wake lambdad without end near the limit."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Bytes."""

    charged: int
    """All that is charged to the group."""
    cache: int
    """Of that, pages of files on disks."""
    tmp: int
    """Of that, files in /tmp."""

    @property
    def counted(self) -> int:
        return max(0, self.charged - self.cache - self.tmp)


@dataclass(frozen=True, slots=True)
class OutOfMemory:
    """The function has more than its MemorySize."""


@dataclass(frozen=True, slots=True)
class WatchAt:
    threshold: int
    """Bytes charged at which to look again."""


def judge(usage: Usage, limit: int) -> OutOfMemory | WatchAt:
    """`limit`: MemorySize in bytes."""
    room = limit - usage.counted
    if room < 0:
        return OutOfMemory()
    return WatchAt(usage.charged + max(room, SMALLEST_STEP))


def most_used(peak: int, usage: Usage, limit: int) -> int:
    """Max Memory Used in bytes: the high-water mark of all that was charged, less what is in /tmp now.

    Files that were in /tmp at the peak and are gone now would be counted; hence never more than the limit.
    """
    return min(limit, max(usage.counted, peak - usage.tmp))
