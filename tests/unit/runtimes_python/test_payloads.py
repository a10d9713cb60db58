"""JSON in and out, compared with AWS's own runtime client."""

import enum
import json
import math
import os
import sys
from collections import OrderedDict, defaultdict, namedtuple
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from awslambdaric.lambda_runtime_exception import FaultException
from awslambdaric.lambda_runtime_marshaller import LambdaMarshaller
from hypothesis import given
from hypothesis import strategies as st
from lambdad_runtime import payloads
from lambdad_runtime.faults import Fault

Pair = namedtuple("Pair", "a b")


class Colour(enum.IntEnum):
    RED = 1


class Named(str):
    pass


class Record:
    def _asdict(self) -> dict[str, Any]:
        return {"q": Decimal("1.50")}


@pytest.fixture
def theirs() -> LambdaMarshaller:
    return _marshaller()


def _marshaller() -> LambdaMarshaller:
    # Its encoder asks the environment for the version of Python.
    before = os.environ.get("AWS_EXECUTION_ENV")
    os.environ["AWS_EXECUTION_ENV"] = "AWS_Lambda_python3.12" if sys.version_info >= (3, 12) else "AWS_Lambda_python3.11"
    try:
        return LambdaMarshaller()
    finally:
        if before is None:
            del os.environ["AWS_EXECUTION_ENV"]
        else:
            os.environ["AWS_EXECUTION_ENV"] = before


def exact(text: str | bytes) -> Any:
    """Parsed with the digits of every number kept."""
    return json.loads(text, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=list)


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, 10**30, 1.5, -0.0, 1e300, math.inf, -math.inf, math.nan, "", "é\u2028\x00\"\\", Named("s"), Colour.RED,
        Decimal("1E+3"), Decimal("1.10"), Decimal("NaN"), Decimal("Infinity"), [Decimal("sNaN")],
        {"a": b"bytes"}, {b"k": 1}, {1: 1, None: 2, 1.5: 3}, {True: 1}, {math.nan: 1}, {Colour.RED: 1}, {math.inf: 1},
        Pair(1, b"z"), [Pair(1, (2, Pair(3, 4)))], Record(), [Record(), {}], OrderedDict(b=1, a=[]), defaultdict(list, x=()),
        {"nested": {"list": [1, [2, [3]]], "empty": {}}},
    ],
    ids=repr,
)  # fmt: skip
def test_results_are_encoded_as_by_aws(theirs: LambdaMarshaller, value: Any) -> None:
    body, content_type = payloads.result_of(value)
    expected, _ = theirs.marshal_response(value)
    assert exact(body) == exact(expected)
    assert content_type == "application/json"


@pytest.mark.parametrize(
    "value",
    [{1, 2}, {"a": {1}}, {(1, 2): 3}, {Decimal(1): 2}, bytearray(b"x"), datetime.now(UTC), range(3), {"a": b"\xff"}, object],
    ids=lambda value: type(value).__name__,
)
def test_results_are_refused_as_by_aws(theirs: LambdaMarshaller, value: Any) -> None:
    with pytest.raises(FaultException) as expected:
        theirs.marshal_response(value)
    with pytest.raises(Fault) as refused:
        payloads.result_of(value)
    assert refused.value.message == expected.value.msg
    assert refused.value.error_type == expected.value.exception_type == "Runtime.MarshalError"


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=["Cs"]))
    | st.decimals() | st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner).map(lambda pair: Pair(*pair))
        | st.lists(inner).map(tuple)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])) | st.integers() | st.floats() | st.none(), inner)
    ),
    max_leaves=12,
)


@given(values)
def test_any_result_is_encoded_as_by_aws(value: Any) -> None:
    if isinstance(value, bytes):
        assert payloads.result_of(value) == (value, "application/unknown")
    else:
        assert exact(payloads.result_of(value)[0]) == exact(_marshaller().marshal_response(value)[0])


def test_the_layout_is_aws_own(theirs: LambdaMarshaller) -> None:
    value = {"a": [1, {"b": Pair(None, Decimal("2.0"))}], "c": True}
    assert payloads.result_of(value)[0].decode() == theirs.marshal_response(value)[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("\ud800", "\ud800"),
        (["a\udfffb"], ["a\udfffb"]),
        ({"\ud800": 1}, {"\ud800": 1}),
        ([Pair("\ud800", 1)], [{"a": "\ud800", "b": 1}]),
    ],
    ids=ascii,
)
def test_lone_surrogates_are_escaped(value: Any, expected: Any) -> None:
    body = payloads.encode(value)
    assert b"\\u" in body
    assert json.loads(body) == expected


@pytest.mark.parametrize("event", [b'{"a": [1, 2.5, null]}', b'"\xc3\xa9"', b"[]", b" 1 "])
def test_events(event: bytes) -> None:
    assert payloads.event_of(event) == json.loads(event)


@pytest.mark.parametrize("event", [b"", b"{", b"\xff", b"{'a': 1}", b"[" * 100_000])
def test_events_that_are_no_json(event: bytes) -> None:
    with pytest.raises(Fault) as fault:
        payloads.event_of(event)
    assert fault.value.error_type == "Runtime.UnmarshalError"
    assert fault.value.message.startswith("Unable to unmarshal input: ")
