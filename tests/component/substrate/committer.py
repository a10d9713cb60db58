"""A program for tests: commits without end into the directory of its argument, and prints what was acknowledged."""

import asyncio
import sys
from pathlib import Path

from lambdad.substrate.api import Change, NewRecord
from lambdad.substrate.local import LocalSubstrate


async def main(directory: str) -> None:
    async with LocalSubstrate(Path(directory)) as substrate:

        async def write(writer: int) -> None:
            number = 0
            while True:
                number += 1
                text = f"{writer:02}/{number:06}"
                value = f"{text} of {writer}".encode() * (1 + number % 50)
                revision = await substrate.key_values.commit(
                    [Change(f"left/{text}", value), Change(f"right/{text}", value), Change(f"last/{writer:02}", value)]
                )
                digest = await substrate.blobs.put(value)
                await substrate.timeline.append([NewRecord(f"log/{writer:02}", number, value)] * 2, number)
                print(revision, text, digest, flush=True)

        await asyncio.gather(*[write(writer) for writer in range(4)])


asyncio.run(main(sys.argv[1]))
