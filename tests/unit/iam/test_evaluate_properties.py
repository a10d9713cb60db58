"""What holds of all decisions."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from lambdad.iam.evaluate import Decision, decide
from tests.unit.iam.making import FUNCTION, HERE, INVOKE, OTHER, PRINCIPALS, ROLE, SESSION, USER, allow, deny, policies, request

ACTIONS = st.sampled_from([INVOKE, "lambda:*", "*", "s3:*", "lambda:Get*"])
RESOURCES = st.sampled_from([FUNCTION, OTHER, "*", "arn:aws:lambda:*:*:function:f*"])
NAMES = st.sampled_from(["*", USER, ROLE, SESSION, HERE]).map(lambda name: {"AWS": name})
CONDITIONS = st.sampled_from([{}, {"Bool": {"a": "true"}}, {"StringNotEquals": {"b": "x"}}])
PARTS: dict[str, st.SearchStrategy[Any]] = {"Action": ACTIONS, "Resource": RESOURCES, "Condition": CONDITIONS}

ALLOWS = st.fixed_dictionaries({"Effect": st.just("Allow"), **PARTS})
DENIES = st.fixed_dictionaries({"Effect": st.just("Deny"), **PARTS})
PLAIN = st.lists(ALLOWS | DENIES, max_size=3)
OF_RESOURCE = st.lists(st.builds(lambda each, who: {**each, "Principal": who}, ALLOWS | DENIES, NAMES), max_size=3)
LAYERS = st.fixed_dictionaries({"identity": PLAIN, "boundary": PLAIN, "session": PLAIN, "resource": OF_RESOURCE})
WHO = st.sampled_from(sorted(PRINCIPALS))
CONTEXT = st.fixed_dictionaries({}, optional={"a": st.sampled_from(["true", "false"]), "b": st.sampled_from(["x", "y"])})
LIMITS = ("boundary", "session")


def decided(who: str, context: dict[str, str], layers: dict[str, Any]) -> Decision:
    return decide(request(who, context=context), policies(**layers))


def more(layers: dict[str, Any], kind: str, statement: dict[str, Any]) -> dict[str, Any]:
    extra = {**statement, "Principal": "*"} if kind == "resource" else statement
    return layers | {kind: [*layers[kind], extra]}


@given(WHO, CONTEXT, LAYERS, st.sampled_from(["identity", "boundary", "session", "resource"]))
def test_a_matching_deny_wins(who: str, context: dict[str, str], layers: dict[str, Any], kind: str) -> None:
    decision = decided(who, context, more(layers, kind, deny("*", "*")))
    assert (decision.allowed, decision.why) == (False, "explicit deny")


@given(WHO, CONTEXT, LAYERS, st.sampled_from(["identity", "boundary", "session", "resource"]), ALLOWS)
def test_one_more_allow_takes_nothing(
    who: str, context: dict[str, str], layers: dict[str, Any], kind: str, extra: dict[str, Any]
) -> None:
    if kind in LIMITS and not layers[kind]:
        return  # the first statement makes a limit where there was none
    if decided(who, context, layers).allowed:
        assert decided(who, context, more(layers, kind, extra)).allowed


@given(WHO, CONTEXT, LAYERS, st.sampled_from(["identity", "boundary", "session", "resource"]), DENIES)
def test_one_more_deny_gives_nothing(
    who: str, context: dict[str, str], layers: dict[str, Any], kind: str, extra: dict[str, Any]
) -> None:
    if not decided(who, context, layers).allowed:
        assert not decided(who, context, more(layers, kind, extra)).allowed


@given(WHO, CONTEXT, LAYERS, st.sampled_from(LIMITS))
def test_a_limit_gives_nothing(who: str, context: dict[str, str], layers: dict[str, Any], kind: str) -> None:
    if not decided(who, context, layers | {kind: []}).allowed:
        assert not decided(who, context, layers).allowed


@given(WHO, CONTEXT, LAYERS, st.randoms(use_true_random=False))
def test_the_order_of_statements_does_not_count(who: str, context: dict[str, str], layers: dict[str, Any], chance: Any) -> None:
    shuffled = {kind: chance.sample(statements, len(statements)) for kind, statements in layers.items()}
    one, two = decided(who, context, layers), decided(who, context, shuffled)
    assert (one.allowed, one.why, one.kind) == (two.allowed, two.why, two.kind)


@given(WHO, CONTEXT, LAYERS)
def test_without_any_allow_only_root_may(who: str, context: dict[str, str], layers: dict[str, Any]) -> None:
    denies = {kind: [each for each in statements if each["Effect"] == "Deny"] for kind, statements in layers.items()}
    decision = decided(who, context, denies)
    assert not decision.allowed or (who, decision.why) == ("root", "root user")


def test_the_layers_do_decide() -> None:
    assert decided("user", {}, {"identity": [allow()], "boundary": [], "session": [], "resource": []}).allowed
