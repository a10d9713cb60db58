"""The command: `python -m bench`, in the project's directory."""

import argparse
import os
import sys
import tempfile
import traceback
from pathlib import Path

import bench
from bench import machine, rows
from bench.context import Context
from bench.suite import FAMILIES, Family, name_of, title_of


def main() -> int:
    names = [name_of(family) for family in FAMILIES]
    arguments = argparse.ArgumentParser(
        "python -m bench", description=bench.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("--only", nargs="+", choices=names, metavar="NAME", help="these families, instead of all")
    arguments.add_argument("--quick", action="store_true", help="fewer and shorter rounds: coarse figures")
    arguments.add_argument("--json", type=Path, metavar="FILE", help="where to write the JSON, instead of after the table")
    arguments.add_argument("--list", action="store_true", help="name the families, measure nothing")
    options = arguments.parse_args()
    if options.list:
        for family in FAMILIES:
            print(f"{name_of(family):<12} {title_of(family)}")
        return 0
    # It makes Node.js read a file of certificates at start, which triples the time of a bare one and would flatter us.
    os.environ.pop("NODE_EXTRA_CA_CERTS", None)
    chosen = [family for family in FAMILIES if name_of(family) in (options.only or names)]
    sections = [measured(family, options.quick) for family in chosen]
    facts = machine.facts()
    print(rows.markdown(sections, facts))
    document = rows.document(sections, facts, quick=options.quick)
    if options.json:
        options.json.write_text(document + "\n")
    else:
        print(f"\n{document}")
    return 1 if any(section.failure for section in sections) else 0


def measured(family: Family, quick: bool) -> rows.Section:
    """One that fails is told in its section and does not lose the figures of the others."""
    name = name_of(family)
    say(f"{name}: {title_of(family)}")
    with tempfile.TemporaryDirectory(prefix="lambdad-bench-") as folder:
        try:
            found = family.measure(Context(Path(folder), quick, say))
        except Exception as error:
            traceback.print_exc()
            return rows.Section(name, [], f"{type(error).__name__}: {error}")
    for row in found:
        say(f"  {row}")
    return rows.Section(name, found)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
