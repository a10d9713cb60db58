"""Telling destinations: tried again for half a minute, then given up."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from lambdad.domain.errors import LambdadError, NotImplementedOperation, PlatformError
from lambdad.events.api import Deliver, Message

PAUSES: Final = (1.0, 2.0, 4.0, 8.0, 16.0)
"""Seconds between the tries."""

log = logging.getLogger(__name__)


class Delivery:
    """`ways`: how the destinations of each service are reached, by the service's name in an ARN."""

    def __init__(self, ways: Mapping[str, Deliver]) -> None:
        self._ways = ways

    async def tell(self, arn: str, message: Message, what: str) -> bool:
        """False where it could not be delivered. `what` is for the log."""
        pauses = iter(PAUSES)
        while (error := await self._try(arn, message)) is not None:
            pause = None if isinstance(error, NotImplementedOperation) else next(pauses, None)
            if pause is None:
                log.error("%s could not be delivered to %s: %s: %s", what, arn, error.code, error.message)
                return False
            log.warning("%s is delivered to %s again in %g s: %s: %s", what, arn, pause, error.code, error.message)
            await asyncio.sleep(pause)
        return True

    async def _try(self, arn: str, message: Message) -> LambdadError | None:
        service = arn.split(":")[2]
        deliver = self._ways.get(service)
        if deliver is None:
            return NotImplementedOperation(f"lambdad does not deliver to `{service}` yet.")
        try:
            await deliver(arn, message)
        except LambdadError as error:
            return error
        except Exception as error:
            log.error("a delivery to %s failed by an internal error", arn, exc_info=error)
            return PlatformError()
        return None
