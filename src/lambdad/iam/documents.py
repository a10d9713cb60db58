"""What a policy document must be at least: a JSON object with a version and statements. Pure."""

import json
from collections.abc import Callable
from typing import Final, Literal

DocumentKind = Literal["identity", "trust", "boundary"]
CheckDocument = Callable[[str, DocumentKind], None]
"""Raises ValueError, with AWS's text, for a document that can't be a policy of that kind."""

VERSIONS: Final = ("2012-10-17", "2008-10-17")


def check_form(text: str, kind: DocumentKind) -> None:
    """A `CheckDocument` that looks no deeper than the outermost members."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError("This policy contains invalid Json" if kind == "trust" else "Syntax errors in policy.") from None
    if not isinstance(document, dict) or not isinstance(document.get("Statement"), list | dict):
        raise ValueError("Syntax errors in policy.")
    if document.get("Version", VERSIONS[1]) not in VERSIONS:
        raise ValueError("The policy must contain a valid version string")
    if kind != "trust" and document.get("Version") != VERSIONS[0]:
        raise ValueError("Policy document must be version 2012-10-17 or greater.")
