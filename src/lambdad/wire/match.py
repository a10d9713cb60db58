"""Which operation a request asks for.

rest-json and rest-xml: the URI templates of the model are compiled once. Where several fit, the most specific wins: literal
path segments before labels, a plain label before a greedy one, then literal parts of the query (`?acl`, `?List=ALL`), then
required parameters that are there (that is how S3 tells CopyObject from PutObject).
json: the `X-Amz-Target` header. query: `Action`.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from lambdad.domain.errors import CallerError
from lambdad.wire.messages import Request
from lambdad.wire.models import Model, Operation, Protocol

_MOST_FIELDS = 10_000
"""Of a form. The most that a client of AWS sends are some hundred; millions would keep everybody waiting."""
_LABEL = re.compile(r"\{([A-Za-z0-9_.-]+)(\+?)\}")


@dataclass(frozen=True, slots=True)
class Match:
    operation: Operation
    labels: dict[str, str]
    """Decoded values of the labels in the path, by their names in the template."""


@dataclass(frozen=True, slots=True)
class _Route:
    operation: Operation
    pattern: re.Pattern[str]
    labels: tuple[str, ...]
    literal_segments: int
    greedy: int
    query: tuple[tuple[str, str | None], ...]
    current: bool
    """Not deprecated: S3 has two operations each for lifecycle and notification under one address."""
    needed: tuple[tuple[str, str], ...]
    """Location and name of the required parameters outside the path and body."""

    def rank(self, request: Request) -> tuple[int, int, int, bool, int, bool] | None:
        """How well the request's query and headers fit; None if they don't."""
        pairs = request.query_pairs
        names = {name for name, _ in pairs}
        for name, value in self.query:
            if name not in names or (value is not None and (name, value) not in pairs):
                return None
        there = sum(name in (names if where == "querystring" else request.headers) for where, name in self.needed)
        return (self.literal_segments, -self.greedy, len(self.query), there == len(self.needed), there, self.current)


class Matcher:
    """The compiled templates of one model."""

    def __init__(self, model: Model) -> None:
        self._routes: dict[tuple[str, str | None], list[_Route]] = {}
        for operation in model.operations():
            route = _compile(operation)
            self._routes.setdefault((operation.method, _first_literal(operation.uri)), []).append(route)

    def match(self, request: Request) -> Match | None:
        """None where no template fits. Raises CallerError where a label can't be decoded."""
        path = request.path
        first = path.split("/", 2)[1] if path.startswith("/") else None
        best: tuple[tuple[int, int, int, bool, int, bool], _Route, re.Match[str]] | None = None
        for key in ((request.method, first), (request.method, None)):
            for route in self._routes.get(key, ()):
                found = route.pattern.fullmatch(path)
                rank = route.rank(request) if found else None
                if found and rank is not None and (best is None or rank > best[0]):
                    best = (rank, route, found)
        if best is None:
            return None
        _, route, found = best
        return Match(route.operation, {name: _decode(text) for name, text in zip(route.labels, found.groups(), strict=True)})


def _compile(operation: Operation) -> _Route:
    path, _, query = operation.uri.partition("?")
    pattern, labels, literals, greedy = "", [], 0, 0
    position = 0
    for label in _LABEL.finditer(path):
        pattern += re.escape(path[position : label.start()])
        name = label[1]
        labels.append(name)
        pattern += "(.+)" if label[2] else "([^/]+)"
        greedy += bool(label[2])
        position = label.end()
    pattern += re.escape(path[position:])
    literals = sum(bool(segment) and "{" not in segment for segment in path.split("/"))
    if not path.endswith(("+}", "/")):
        pattern += "/?"  # Older SDKs end some of Lambda's paths with a slash, and AWS takes both.
    wanted = tuple((name, value or None) for name, value in parse_qsl(query, keep_blank_values=True))
    return _Route(
        operation,
        re.compile(pattern, re.DOTALL),
        tuple(labels),
        literals,
        greedy,
        wanted,
        not operation.traits.get("deprecated"),
        tuple(_needed(operation)),
    )


def _needed(operation: Operation) -> Iterable[tuple[str, str]]:
    if operation.input is None:
        return
    for name in operation.input.required:
        member = operation.input.members[name]
        if member.location == "querystring":
            yield "querystring", member.wire_name
        elif member.location == "header":
            yield "header", member.wire_name.lower()


def _first_literal(uri: str) -> str | None:
    first = uri.partition("?")[0].split("/", 2)[1]
    return None if "{" in first else first


def _decode(text: str) -> str:
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise CallerError.named("SerializationException", "The request's path is not percent-encoded UTF-8.") from None


def protocol_of(request: Request, model: Model) -> Protocol:
    """What this request speaks. SQS takes JSON and, from older clients, the query protocol."""
    if model.protocol == "json" and model.query_compatible and "x-amz-target" not in request.headers:
        return "query"
    return model.protocol


def action_of(request: Request) -> str | None:
    """The `Action` of a query protocol request, from its body or (GET) its query string."""
    for name, value in form(request):
        if name == "Action":
            return value
    return None


def form(request: Request) -> list[tuple[str, str]]:
    """Parameters of a query protocol request. Raises CallerError if the body is not a form."""
    if not request.body:
        return request.query_pairs
    try:
        text = request.body.decode("ascii")
        return [*request.query_pairs, *parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_FIELDS)]
    except ValueError:
        raise CallerError.named("MalformedQueryString", "The query string contains a syntax error", 404) from None


def target_of(request: Request) -> tuple[str, str] | None:
    """Prefix and operation of `X-Amz-Target`."""
    target = request.headers.get("x-amz-target")
    if not target:
        return None
    prefix, _, operation = target.rpartition(".")
    return prefix, operation


class Operations:
    """From a request to an operation of one model, whatever its protocol."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._matcher = Matcher(model) if model.protocol in ("rest-json", "rest-xml") else None

    def find(self, request: Request) -> Match | None:
        if self._matcher is not None:
            return self._matcher.match(request)
        if protocol_of(request, self.model) == "query":
            name = action_of(request)
        else:
            target = target_of(request)
            name = target[1] if target and target[0] == self.model.target_prefix else None
        operation = self.model.operation(name) if name else None
        return Match(operation, {}) if operation else None
