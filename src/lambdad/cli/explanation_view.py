"""An explanation for readers, and for programs."""

import json
from typing import TYPE_CHECKING, Any, Final

from lambdad.cli.explanation import Close, Explanation
from lambdad.cli.held_policies import ANY_SESSION, Cited

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

WIDE: Final = 76
"""Characters of a statement on one line, beyond which it is laid out anew."""
MANY: Final = 5
"""Statements that came close, of which more are not shown."""
_LACKING: Final = {
    "identity": "an Allow in an identity-based policy",
    "boundary": "an Allow in the permissions boundary",
    "resource": "an Allow in the resource's own policy, without which nobody of another account may do anything",
}


def verdict(explanation: Explanation) -> str:
    match explanation.verdict:
        case "allowed":
            return "allowed"
        case "explicitDeny":
            return "denied explicitly: a statement denies it"
        case "implicitDeny":
            return "denied implicitly: nothing denies it, but something must allow it"


def show(console: "Console", explanation: Explanation) -> None:
    from rich.text import Text

    mark, style = ("✓", "bold green") if explanation.allowed else ("✗", "bold red")
    console.print(Text(f"{mark} {verdict(explanation)}", style))
    console.print()
    _row(console, "who", explanation.asker.shown)
    if explanation.asker.caller != explanation.asker.shown:
        of_any = explanation.asker.caller.endswith(f"/{ANY_SESSION}")
        _row(console, "as", explanation.asker.caller + (", whatever the session is called" if of_any else ""))
    _row(console, "action", explanation.action)
    _row(console, "resource", explanation.resource)
    for cited in explanation.decided:
        console.print()
        _row(console, "allowed by" if explanation.allowed else "denied by", _label(cited))
        _statement(console, cited)
    if explanation.lacking is not None:
        _lacking(console, explanation)
    if explanation.boundary is not None and explanation.lacking != "boundary":
        console.print()
        _row(console, "boundary", f"{explanation.boundary.label} {'allows' if explanation.within else 'does not allow'} it")
    if explanation.unknown:
        console.print()
        _row(console, "unknown", f"{', '.join(explanation.unknown)}: give it with --context KEY=VALUE if it matters")
    if explanation.message is not None:
        console.print()
        console.print(Text("AWS answers:", "bold"))
        console.print(Text(f"  {explanation.message}"))


def _lacking(console: "Console", explanation: Explanation) -> None:
    console.print()
    _row(console, "lacking", _LACKING[explanation.lacking or "identity"])
    for number, policy in enumerate(explanation.policies):
        _row(console, "" if number else "looked at", policy.label)
    if not explanation.policies:
        _row(console, "looked at", "none, for there is none")
    for close in explanation.close[:MANY]:
        console.print()
        _row(console, "came close", f"{_label(close.cited)}, but for {_misses(close)}")
        _statement(console, close.cited)


def _misses(close: Close) -> str:
    return " and ".join(close.misses)


def _label(cited: Cited) -> str:
    first, last = cited.lines
    if "\n" not in cited.policy.document:
        return cited.policy.label
    return cited.policy.label + (f", line {first}" if first == last else f", lines {first} to {last}")


def _row(console: "Console", name: str, value: str) -> None:
    from rich.text import Text

    console.print(Text.assemble((f"  {name:<11}", "dim"), value))


def _statement(console: "Console", cited: Cited) -> None:
    from rich.highlighter import JSONHighlighter

    for line in laid_out(cited.text).splitlines():
        console.print(JSONHighlighter()(_indented(line)))


def _indented(line: str) -> "Text":
    from rich.text import Text

    return Text(f"      {line}")


def laid_out(statement: str) -> str:
    """As it is written, less the indentation that it has in its document; one long line is broken."""
    lines = statement.splitlines()
    if len(lines) == 1:
        return statement if len(statement) <= WIDE else json.dumps(json.loads(statement), indent=2, ensure_ascii=False)
    margin = len(lines[-1]) - len(lines[-1].lstrip())
    return "\n".join([lines[0], *(line[margin:] if not line[:margin].strip() else line for line in lines[1:])])


def as_document(explanation: Explanation) -> dict[str, Any]:
    """For `--json`."""
    return {
        "allowed": explanation.allowed,
        "decision": explanation.verdict,
        "principal": explanation.asker.caller,
        "identity": explanation.asker.identity,
        "action": explanation.action,
        "resource": explanation.resource,
        "statements": [_cited(each) for each in explanation.decided],
        "lacking": explanation.lacking,
        "closeStatements": [{**_cited(each.cited), "misses": list(each.misses)} for each in explanation.close],
        "boundary": None
        if explanation.boundary is None
        else {"policy": explanation.boundary.label, "allows": explanation.within},
        "policies": [{"kind": each.kind, "policy": each.label} for each in explanation.policies],
        "unknownContextKeys": list(explanation.unknown),
        "message": explanation.message,
    }


def _cited(cited: Cited) -> dict[str, Any]:
    return {
        "kind": cited.policy.kind,
        "policy": cited.policy.label,
        "index": cited.index,
        "lines": list(cited.lines),
        "statement": json.loads(cited.text),
    }
