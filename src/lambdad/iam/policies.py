"""Policy documents: from text to matchers, or AWS's words for what is wrong with it. Pure.

Grammar: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html. AWS has two families of words: those
of IAM's own documents, as moto's tests (https://github.com/getmoto/moto, tests/test_iam/test_iam_policies.py) recorded them,
also for which fault is told first; and those of role trust policies and of resources
(https://github.com/versity/versitygw, iamapi/policy). What they do not cover is told as a syntax error.

A document without a Version is of 2008-10-17, whose `${…}` are plain text:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from msgspec import Struct

from lambdad.iam.conditions import BadOperand, Condition, compile_condition, read_operator
from lambdad.iam.documents import LEGACY, SID_FORM, Words, check_actions, check_resources, is_legacy_arn, words_of
from lambdad.iam.patterns import MAX_LENGTH, Context, Patterns, compile_patterns
from lambdad.iam.principals import InvalidPrincipal, Principals, read_principals

PolicyKind = Literal["identity", "resource", "trust", "boundary", "session"]

MAX_DOCUMENT: Final = 131_072
"""Characters; https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html, PolicyDocument. Quotas are lower."""

CURRENT: Final = "2012-10-17"
_VERSIONS = (CURRENT, "2008-10-17")
_DOCUMENT_FIELDS = {"Version", "Id", "Statement"}
_STATEMENT_FIELDS = {
    "Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition",
}  # fmt: skip


class MalformedPolicy(Exception):
    """A document that AWS refuses. `message` in AWS's words; the error's code depends on the operation
    (`MalformedPolicyDocument` of IAM and STS)."""

    def __init__(self, message: str) -> None:
        # Halves of surrogate pairs, which JSON can spell, have no place in an answer.
        self.message = message.encode(errors="replace").decode()
        super().__init__(self.message)


class Statement(Struct, frozen=True):
    index: int
    """In the document, from 0."""
    sid: str
    allows: bool
    actions: Patterns
    not_actions: bool
    """The actions are those of NotAction; likewise for the others."""
    resources: Patterns | None
    """None in a trust policy, which is about its role."""
    not_resources: bool
    principals: Principals | None
    """None in policies of an identity."""
    not_principals: bool
    conditions: tuple[Condition, ...]

    def matches(self, action: str, resource: str, context: Context) -> bool:
        """Whether it is about this request, whoever makes it. `action` in lower case."""
        if self.actions.matches(action, context) is self.not_actions:
            return False
        if self.resources is not None and self.resources.matches(resource, context) is self.not_resources:
            return False
        return not self.conditions or all(condition.test(context) for condition in self.conditions)


class Policy(Struct, frozen=True):
    kind: PolicyKind
    allows: tuple[Statement, ...]
    denies: tuple[Statement, ...]


def parse(text: str, kind: PolicyKind) -> Policy:
    """Raises MalformedPolicy, and nothing else, whatever the text is."""
    words = words_of(kind)
    version, elements = _outline(text, words)
    if version not in _VERSIONS[: 1 if words.current_only else 2]:
        raise MalformedPolicy(words.version)
    readers = [_StatementReader(element, kind, version == CURRENT) for element in elements]
    # In this order AWS tells of one fault when there are several.
    conditions = [reader.conditions() for reader in readers]
    for reader in readers:
        reader.check_legacy()
    sids = [element["Sid"] for element in elements if element.get("Sid")]
    if words.current_only and not all(sid.isascii() and sid.isalnum() for sid in sids):
        raise MalformedPolicy(SID_FORM)
    if len(set(sids)) < len(sids):
        raise MalformedPolicy(words.duplicate_sid)
    for reader in readers:
        reader.check_presence()
    for reader in readers:
        reader.check_words()
    statements = [reader.statement(i, conditions[i]) for i, reader in enumerate(readers)]
    return Policy(
        kind,
        tuple(statement for statement in statements if statement.allows),
        tuple(statement for statement in statements if not statement.allows),
    )


def _outline(text: str, words: Words) -> tuple[str, Sequence[Mapping[str, Any]]]:
    """The version and the statements, each of them with known fields of the right types only."""
    document = _json(text, words)
    if not isinstance(document, dict):
        raise MalformedPolicy(words.syntax)
    version, statement = document.get("Version", "2008-10-17"), document.get("Statement")
    if not document.keys() <= _DOCUMENT_FIELDS or not isinstance(document.get("Id", ""), str):
        raise MalformedPolicy(words.syntax)
    if version not in _VERSIONS:
        raise MalformedPolicy(words.unknown_version)
    statements: list[Any] = statement if isinstance(statement, list) else [statement]
    if statement is None or not statements:
        raise MalformedPolicy(words.no_statement)
    for each in statements:
        _check_types(each, words)
    if words.current_only and text[0] != "{":
        # https://htnosm.hatenablog.com/entry/2023/07/30/090000: no blank may come first.
        raise MalformedPolicy(LEGACY)
    return str(version), statements


def _json(text: str, words: Words) -> Any:
    if len(text) > MAX_DOCUMENT:
        raise MalformedPolicy(words.syntax)
    try:
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise MalformedPolicy(words.json) from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of two Effects another reader might take the other one."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name occurs twice")
    return members


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _check_types(statement: Any, words: Words) -> None:
    if not isinstance(statement, dict) or not statement.keys() <= _STATEMENT_FIELDS:
        raise MalformedPolicy(words.syntax)
    if not isinstance(statement.get("Sid", ""), str):
        raise MalformedPolicy(words.syntax)
    if "Effect" not in statement:
        raise MalformedPolicy(words.no_effect)
    effect = statement["Effect"]
    if not isinstance(effect, str):
        raise MalformedPolicy(words.syntax)
    if effect.lower() not in ("allow", "deny"):
        raise MalformedPolicy(words.bad_effect.format(effect[:256]))
    for field in ("Action", "Resource", "Principal"):
        if field in statement and f"Not{field}" in statement:
            raise MalformedPolicy(words.syntax)
    for field in ("Action", "NotAction", "Resource", "NotResource"):
        values = statement.get(field, [])
        for value in values if isinstance(values, list) else [values]:
            if not isinstance(value, str) or len(value) > MAX_LENGTH:
                raise MalformedPolicy(words.syntax)
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict) or not all(isinstance(keys, dict) for keys in condition.values()):
        raise MalformedPolicy(words.syntax)


class _StatementReader:
    """One statement whose fields have the right types."""

    def __init__(self, element: Mapping[str, Any], kind: PolicyKind, variables: bool) -> None:
        self._element = element
        self._kind = kind
        self._words = words_of(kind)
        self._variables = variables
        self._not_actions, self._actions = self._texts("Action")
        self._not_resources, self._resources = self._texts("Resource")

    def conditions(self) -> tuple[Condition, ...]:
        found = []
        for spelt, keys in self._element.get("Condition", {}).items():
            operator = read_operator(spelt)
            for key, values in keys.items():
                texts = [self._operand(value) for value in (values if isinstance(values, list) else [values])]
                if operator is None:
                    raise MalformedPolicy(self._words.syntax)
                try:
                    found.append(compile_condition(operator, spelt, key, texts, self._variables))
                except BadOperand as error:
                    raise MalformedPolicy(LEGACY if self._words.current_only else self._words.syntax) from error
        return tuple(found)

    def _operand(self, value: Any) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if not isinstance(value, str | int | float) or len(text := str(value)) > MAX_LENGTH:
            raise MalformedPolicy(self._words.syntax)
        return text

    def check_legacy(self) -> None:
        effect = self._element["Effect"]
        if effect not in ("Allow", "Deny"):
            raise MalformedPolicy(self._words.effect_case.format(effect))
        if self._words.current_only and not all(is_legacy_arn(resource) for resource in self._resources or ()):
            raise MalformedPolicy(LEGACY)

    def check_presence(self) -> None:
        element, words = self._element, self._words
        if not self._actions:
            raise MalformedPolicy(words.no_action)
        if self._kind == "trust":
            if "Resource" in element:
                raise MalformedPolicy("Has prohibited field Resource")
            if "NotResource" in element:
                raise MalformedPolicy("AssumeRole policy must not contain resources.")
        elif not self._resources:
            raise MalformedPolicy(words.no_resource)
        if words.current_only:
            if "Principal" in element or "NotPrincipal" in element:
                raise MalformedPolicy("Policy document should not specify a principal.")
        elif "NotPrincipal" in element:
            if element["Effect"] == "Allow":
                raise MalformedPolicy("Allow with NotPrincipal is not allowed.")
            if self._kind == "trust":
                raise MalformedPolicy("AssumeRole policy must not contain NotPrincipal field.")
        elif "Principal" not in element:
            raise MalformedPolicy("Missing required field Principal")

    def check_words(self) -> None:
        for fault in (check_resources(self._resources or ()), check_actions(self._actions or (), self._kind == "trust")):
            if fault:
                raise MalformedPolicy(fault)

    def statement(self, index: int, conditions: tuple[Condition, ...]) -> Statement:
        element = self._element
        principals = None
        if not self._words.current_only:
            try:
                principals = read_principals(element.get("Principal", element.get("NotPrincipal")))
            except InvalidPrincipal as error:
                raise MalformedPolicy(str(error)) from error
        resources = None
        if self._resources is not None:
            full = (resource if resource == "*" else _full(resource) for resource in self._resources)
            resources = compile_patterns(full, variables=self._variables)
        return Statement(
            index,
            element.get("Sid", ""),
            element["Effect"] == "Allow",
            # Variables are not for actions.
            compile_patterns(self._actions or (), variables=False, fold=True),
            self._not_actions,
            resources,
            self._not_resources,
            principals,
            "NotPrincipal" in element,
            conditions,
        )

    def _texts(self, field: str) -> tuple[bool, Sequence[str] | None]:
        negated = f"Not{field}" in self._element
        value = self._element.get(f"Not{field}" if negated else field)
        return negated, [value] if isinstance(value, str) else value


def _full(resource: str) -> str:
    """Parts that an ARN lacks may be anything, as IAM's own messages show them: `arn:aws:sns` is `arn:aws:sns:*:*:*`."""
    return resource + ":*" * (5 - resource.count(":"))
