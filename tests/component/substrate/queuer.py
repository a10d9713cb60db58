"""A program for tests: appends, fetches and acknowledges messages without end, and prints what was answered."""

import asyncio
import sys
from pathlib import Path

from lambdad.substrate.api import NewMessage
from lambdad.substrate.local import LocalSubstrate


async def main(directory: str) -> None:
    async with LocalSubstrate(Path(directory)) as substrate:
        queues = substrate.queues

        async def append(writer: int) -> None:
            number = 0
            while True:
                number += 1
                text = f"{writer}/{number}"
                payload = f"{text} ".encode() * (1 + number % 90)
                (position,) = await queues.append("q", [NewMessage(payload, number, 0, str(writer), text)])
                print("appended", position, text, flush=True)

        async def work() -> None:
            while True:
                for delivery in await queues.fetch("q", 1, lease_ms=60_000, wait=60):
                    if delivery.position % 3:
                        await queues.ack("q", [delivery.position])
                        print("acknowledged", delivery.position, "-", flush=True)
                    else:
                        (position,) = await queues.move(
                            "q", [delivery.position], "r", [NewMessage(delivery.payload, delivery.time_ms, 0)]
                        )
                        print("moved", delivery.position, position, flush=True)

        await asyncio.gather(*[append(writer) for writer in range(4)], *[work() for _ in range(2)])


asyncio.run(main(sys.argv[1]))
