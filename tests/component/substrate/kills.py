"""A program that is killed while it writes, and what it had answered until then."""

import subprocess
import sys
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
