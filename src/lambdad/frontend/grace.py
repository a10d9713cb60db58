"""What runs when lambdad is told to stop."""

import asyncio
from collections.abc import Collection
from typing import Any


async def finish(tasks: Collection["asyncio.Task[Any]"], grace: float) -> None:
    """They get `grace` seconds; what is not done by then is cancelled."""
    if not tasks:
        return
    _, late = await asyncio.wait(tasks, timeout=grace)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late)
