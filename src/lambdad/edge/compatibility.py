"""Writes docs/compatibility.md: what of each service's API is implemented, from the handlers themselves.

`page` is a plain function of names, so that printing it starts nothing.
"""

from collections.abc import Collection, Iterable, Mapping

from lambdad.edge.invoke import OPERATIONS as INVOKE_OPERATIONS
from lambdad.wire.models import Model, Models

_HEAD = """\
# Compatibility

Written by `make docs` from the code itself; do not edit. An operation that is not implemented is answered with HTTP 501
`NotImplementedException`, which names it; lambdad never pretends.
"""


def page(implemented: Mapping[str, Collection[str]], models: Models) -> str:
    """Markdown. `implemented`: operation names by botocore's name of the service. Raises ValueError for an operation that the
    service's model does not have, since nobody could call it."""
    services = [(models.load(name), _with_invoke(name, found)) for name, found in sorted(implemented.items())]
    rows = [_row(model, found) for model, found in services]
    table = ["| Service | Implemented | Operations |", "|---|---:|---:|", *rows]
    return "\n".join([_HEAD, *table, "", *(line for model, found in services for line in _section(model, found))])


def _with_invoke(name: str, found: Collection[str]) -> frozenset[str]:
    """The operations that the edge sends straight to the frontend are in no handler table."""
    return frozenset(found) | (INVOKE_OPERATIONS if name == "lambda" else frozenset())


def _row(model: Model, found: Collection[str]) -> str:
    unknown = sorted(set(found) - set(model.operation_names))
    if unknown:
        raise ValueError(f"{model.name} has no operations {', '.join(unknown)}")
    return f"| {_title(model)} (`{model.name}`) | {len(found)} | {len(model.operation_names)} |"


def _section(model: Model, found: Collection[str]) -> Iterable[str]:
    yield f"## {_title(model)} (`{model.name}`, {model.api_version})"
    yield ""
    yield "| Operation | |"
    yield "|---|---|"
    for name in sorted(model.operation_names):
        yield f"| {name} | {'implemented' if name in found else '–'} |"
    yield ""


def _title(model: Model) -> str:
    return str(model.metadata.get("serviceId") or model.name)
