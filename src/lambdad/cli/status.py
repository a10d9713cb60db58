"""`lambdad status`: what lambdad does, at one glance."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import click

from lambdad.cli.client import Target, endpoint_option, failures
from lambdad.cli.failure import Failure

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

PATIENCE: Final = 20
"""Seconds for an answer that lambdad has in memory."""
NARROWEST: Final = 80
"""Columns that the widest table needs; a narrower terminal wraps its lines."""
UNFOLDED: Final = 1000
"""Columns where there is no terminal: who searches in the output wants whole names."""

Row: TypeAlias = Mapping[str, str | int | float | None]


class Section(NamedTuple):
    """A table: one of the state's lists, or a part of its members."""

    title: str
    key: str
    """Of the list in the state; its rows are objects with `account`, `region` and what follows."""
    name: str
    """The member that names a row."""
    columns: Mapping[str, str]
    """Header and member; a member that ends with `_seconds` is an age. At a space the header goes on in a second line."""
    only: Sequence[str] = ()
    """A row where all of these members are 0 or not there is left out."""


_WAITING = {"Ready": "ready", "Running": "running", "Delayed": "delayed"}
SECTIONS: Final = (
    Section(
        "Functions",
        "functions",
        "function",
        {
            "In flight": "in_flight",
            "Busy": "busy",
            "Idle": "idle",
            "Starting": "starting",
            "Invoked": "invocations",
            "Errors": "errors",
            "Throttled": "throttles",
        },
    ),
    Section("Events that wait", "events", "function", {**_WAITING, "Oldest": "oldest_seconds"}, tuple(_WAITING.values())),
    Section(
        "Events",
        "events",
        "function",
        {
            "Received": "received",
            "Retries": "retries",
            "Dropped": "dropped",
            "Delivered": "delivered",
            "Failed": "destination_failures",
            "DLQ errors": "dead_letter_errors",
        },
    ),
    Section(
        "SQS queues",
        "queues",
        "queue",
        {
            "Visible": "visible",
            "In flight": "in_flight",
            "Delayed": "delayed",
            "Oldest": "oldest_seconds",
            "Sent": "sent",
            "Received": "received",
            "Deleted": "deleted",
        },
    ),
    Section(
        "Mappings",
        "mappings",
        "queue",
        {
            "Function": "function",
            "State": "state",
            "Running": "running",
            "Allowed": "allowed",
            "Polled": "polled",
            "Failed": "failed",
            "Deleted": "deleted",
        },
    ),
    Section("Mappings that wait", "mappings", "queue", {"Because": "problem"}, ("problem",)),
    Section("Logs that are lost", "logs", "group", {"Not allowed": "missing", "Lost": "lost"}),
)
TEXTS: Final = frozenset({"function", "state", "problem", "missing"})
TROUBLE: Final = frozenset({"errors", "throttles", "dropped", "failed", "destination_failures", "dead_letter_errors", "lost"})


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Everything that lambdad tells of itself, as JSON.")
@endpoint_option
def status(as_json: bool, endpoint_url: str) -> None:
    """Show what lambdad does: functions and their environments, events, queues, mappings, of every account and region.

    What waits, runs or is idle is of this moment; everything else is counted since lambdad started. Of events, Delivered are
    records to destinations and dead letters, Failed are records that were lost, DLQ errors are dead letters that were lost.

    \b
    Examples:
      lambdad status
      lambdad status --json | jq '.queues[] | select(.visible > 0)'
    """
    target = Target(endpoint_url)
    state = fetch(target)
    if as_json:
        click.echo(json.dumps(state, indent=2))
        return
    from rich.console import Console

    show(Console(highlight=False, width=None if sys.stdout.isatty() else UNFOLDED), state, target)


def fetch(target: Target) -> dict[str, Any]:
    """/_lambdad/state. Raises Failure."""
    from botocore.awsrequest import AWSRequest
    from botocore.httpsession import URLLib3Session
    from botocore.utils import is_valid_endpoint_url

    url = f"{target.endpoint_url.rstrip('/')}/_lambdad/state"
    with failures(target, PATIENCE):
        if not is_valid_endpoint_url(target.endpoint_url):
            raise ValueError(f"Invalid endpoint: {target.endpoint_url}")
        answer = URLLib3Session(timeout=(5, PATIENCE)).send(AWSRequest("GET", url).prepare())
    try:
        said = json.loads(answer.content)
    except (ValueError, RecursionError):
        said = None
    if answer.status_code == 200 and isinstance(said, dict) and "in_flight" in said:
        return said
    code = answer.headers.get("x-amzn-errortype")
    if code is None or not isinstance(said, dict):
        raise Failure(f"What answers at {target.endpoint_url} is no lambdad (HTTP status {answer.status_code}).")
    raise Failure(printable(f"{said.get('message')} ({code})"))


def show(console: "Console", state: Mapping[str, Any], target: Target) -> None:
    """Raises Failure where the state is none."""
    from rich.text import Text

    console.width = max(console.width, NARROWEST)
    lists = {section.key: rows(state, section.key, target) for section in SECTIONS}
    console.print(Text(printable(f"{target.endpoint_url}: {state['in_flight']} in flight"), "bold green"))
    places = sorted({place(row) for found in lists.values() for row in found})
    if not places:
        console.print("Nothing was invoked since the start, no event waits, and there is no queue.")
    for account, region in places:
        console.print()
        console.print(Text(printable(f"Account {account}, {region}"), "bold"))
        for section in SECTIONS:
            found = [row for row in lists[section.key] if place(row) == (account, region)]
            if section.only:
                found = [row for row in found if any(row.get(member) for member in section.only)]
            if found:
                console.print()
                console.print(table(section, found))


def rows(state: Mapping[str, Any], key: str, target: Target) -> list[Row]:
    """One of the lists; what an older lambdad does not tell is empty."""
    import msgspec

    try:
        found: list[Row] = msgspec.convert(state.get(key, []), list[dict[str, str | int | float | None]])
    except msgspec.ValidationError as error:
        raise Failure(f"The lambdad at {target.endpoint_url} is of a version whose state this command can't read.") from error
    return found


def place(row: Row) -> tuple[str, str]:
    """Account and region."""
    return str(row.get("account")), str(row.get("region"))


def table(section: Section, found: Sequence[Row]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    made.add_column(Text(section.title, "bold not dim"), overflow="fold", vertical="bottom", min_width=12)
    for header, member in section.columns.items():
        if member in TEXTS:
            made.add_column(header, overflow="fold", vertical="bottom")
        else:
            made.add_column(Text(header.replace(" ", "\n")), justify="right", no_wrap=True, vertical="bottom")
    for row in found:
        name = Text(printable(str(row.get(section.name))))
        made.add_row(name, *(cell(member, row.get(member)) for member in section.columns.values()))
    return made


def cell(member: str, value: str | int | float | None) -> "Text":
    from rich.text import Text

    if isinstance(value, str):
        return Text(printable(value))
    if value is None:
        return Text("-", "dim")
    if member.endswith("_seconds"):
        return Text(age(value))
    return Text(number(value), "bold red" if member in TROUBLE and value else "" if value else "dim")


def number(value: float) -> str:
    """At most six characters: 99999, 123 k, 12.3 M."""
    if value < 100_000:
        return f"{value:.0f}"
    for unit in "kMGT":
        value /= 1000
        if value < 999.5:
            return f"{value:.0f} {unit}" if value >= 99.95 or unit == "k" else f"{value:.1f} {unit}"
    return "many"


def age(seconds: float) -> str:
    """In the unit that suits: 12 s, 3 min, 5 h, 14 d."""
    for unit, length, most in (("s", 1, 60), ("min", 60, 60), ("h", 3600, 48)):
        if seconds < most * length:
            return f"{int(seconds / length)} {unit}"
    return f"{int(seconds / 86_400)} d"


def printable(text: str) -> str:
    """Without what a terminal would obey: whoever may create a function or a queue does not write on the operator's screen."""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text)
