"""Who watches which keys of this process; shared by the engines."""

import asyncio
from collections.abc import Callable, Iterable

from lambdad.substrate.api import Entry, Watcher


class Watchers:
    """Watchers by key prefix, told in the order in which they began; used from the event loop only."""

    __slots__ = ("_watchers",)

    def __init__(self) -> None:
        self._watchers: dict[object, tuple[str, Watcher]] = {}

    def __repr__(self) -> str:
        return f"<Watchers {sorted(prefix for prefix, _ in self._watchers.values())}>"

    def add(self, prefix: str, watcher: Watcher) -> Callable[[], None]:
        """The answer ends the watch, at once and as often as it is called."""
        token = object()
        self._watchers[token] = (prefix, watcher)
        return lambda: self._remove(token)

    def _remove(self, token: object) -> None:
        self._watchers.pop(token, None)

    def tell(self, news: Iterable[tuple[str, Entry | None]]) -> None:
        """One commit's changes. What a watcher raises goes to the loop's exception handler: the commit has happened,
        so neither the writer nor the other watchers may suffer for it."""
        for key, entry in news:
            for token, (prefix, watcher) in list(self._watchers.items()):
                if not key.startswith(prefix) or token not in self._watchers:
                    continue
                try:
                    watcher(key, entry)
                except Exception as error:
                    asyncio.get_running_loop().call_exception_handler(
                        {"message": f"a watcher of {prefix!r} failed on {key!r}", "exception": error}
                    )
