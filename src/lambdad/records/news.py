"""Who listens to the changes of one kind of record."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from lambdad.records.api import Listener

T = TypeVar("T")


class News(Generic[T]):
    __slots__ = ("_listeners",)

    def __init__(self) -> None:
        self._listeners: dict[object, Listener[T]] = {}

    def listen(self, listener: Listener[T]) -> Callable[[], None]:
        """The answer ends it."""
        token = object()
        self._listeners[token] = listener

        def end() -> None:
            self._listeners.pop(token, None)

        return end

    def tell(self, arn: str, before: T | None, after: T | None) -> None:
        for token, listener in list(self._listeners.items()):
            if token not in self._listeners:
                continue
            try:
                listener(before, after)
            except Exception as error:
                # The change has happened; one listener's failure may not hide it from the others.
                asyncio.get_running_loop().call_exception_handler(
                    {"message": f"a listener failed on a change of {arn}", "exception": error}
                )
