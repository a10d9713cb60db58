"""Doors that answer by a callback, waited for."""

import asyncio
from collections.abc import Callable
from typing import Any


async def told(begin: Callable[..., None], request: object) -> Any:
    """What `begin` tells of `request`; an error that it tells is raised."""
    answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    begin(request, answer.set_result)
    result = await answer
    if isinstance(result, Exception):
        raise result
    return result
