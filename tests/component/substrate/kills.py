"""A program that is killed while it writes, what it had answered until then, and what a power failure could leave of it."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def answers_until_killed(program: str, directory: Path, lines: int) -> list[list[str]]:
    """The words of each whole line that it printed before it was killed, some time after its `lines`th."""
    command = [sys.executable, Path(__file__).with_name(program), directory]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        answers = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        answers += process.stdout.readlines()
    return [answer.split() for answer in answers if answer.endswith("\n")]


def torn_copies(directory: Path, database: str) -> Iterator[tuple[int, Path]]:
    """Bytes that are missing at the end of the database's log, where half as many of something else are, and the copy that
    lacks them."""
    whole = (directory / f"{database}.sqlite3-wal").stat().st_size
    assert whole > 0
    for number, cut in enumerate([1, 100, 5000, 20_000, whole // 2]):
        torn = directory.with_name(f"torn-{number}")
        shutil.copytree(directory, torn)
        wal = torn / f"{database}.sqlite3-wal"
        data = wal.read_bytes()
        wal.write_bytes(data[: len(data) - cut] + b"\xa5" * (cut // 2))
        yield cut, torn
