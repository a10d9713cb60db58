"""`make fuzz`: every target for its share of the time, led by coverage; new inputs of use are put into the corpus.

What breaks an invariant stays in `corpus/TARGET/` as a file `crash-…` (or `timeout-…`), and the exit status is 1.
"""

import argparse
import importlib
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus"
TARGETS = ("http", "patterns", "policy", "wire", "zips")
LONGEST = 2048
"""Bytes of an input: more explores no further, but makes a corpus that nobody wants to keep."""
SLOW = 10
"""Seconds for one input after which it counts as found."""


def _target(name: str, arguments: list[str]) -> None:
    """In a process of its own, which libFuzzer ends. The first of the arguments is the program that this is."""
    import atheris  # type: ignore[import-not-found, unused-ignore]

    with atheris.instrument_imports(include=["lambdad"]):
        check = importlib.import_module(f"tests.fuzz.{name}").check
    atheris.Setup(arguments, check)
    atheris.Fuzz()


def _program(name: str, place: Path) -> Path:
    """The target as one executable file: when libFuzzer merges, it runs itself."""
    program = place / name
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.fuzz --target {name} "$0" "$@"\n')
    program.chmod(0o755)
    return program


def _run(program: Path, *options: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([program, *options], stderr=subprocess.PIPE, text=True, check=False)


def _fuzz(name: str, seconds: int) -> bool:
    """Whether all invariants held."""
    kept = CORPUS / name
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        found, seeds, small = (Path(place) / each for each in ("found", "seeds", "small"))
        for each in (found, seeds, small):
            each.mkdir()
        for number, seed in enumerate(importlib.import_module(f"tests.fuzz.{name}").SEEDS):
            (seeds / str(number)).write_bytes(seed)
        limits = (f"-max_len={LONGEST}", f"-timeout={SLOW}", "-rss_limit_mb=2048", f"-artifact_prefix={kept}/")
        program = _program(name, Path(place))
        done = _run(program, f"-max_total_time={seconds}", *limits, found, seeds, kept)
        executions = re.findall(r"^#(\d+)\s.*?cov: (\d+)", done.stderr, re.MULTILINE)
        said = "{} executions, {} places covered".format(*executions[-1]) if executions else done.stderr[-2000:]
        print(f"{name}: {said}, {'all held' if done.returncode == 0 else 'BROKEN'}", flush=True)
        if done.returncode:
            print(done.stderr[-4000:])
            return False
        if _run(program, "-merge=1", *limits[:3], small, kept, seeds, found).returncode == 0:
            shutil.rmtree(kept)
            shutil.copytree(small, kept)
    return True


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", default=TARGETS, help=f"some of {', '.join(TARGETS)}; all of them if none is named"
    )
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together")
    chosen = parser.parse_args()
    share = max(1, chosen.seconds // len(chosen.targets))
    held = [_fuzz(name, share) for name in chosen.targets]
    return 0 if all(held) else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--target"]:
        _target(sys.argv[2], sys.argv[3:])
    else:
        sys.exit(main())
