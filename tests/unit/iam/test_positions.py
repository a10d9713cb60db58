"""Where statements stand in their documents, as AWS tells it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.iam.positions import Position, places, position

ALONE = (
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"*","Condition":'
    '{"DateGreaterThan":{"aws:CurrentTime":"2018-08-16T12:00:00Z"}}}}'
)
ADMINISTRATOR = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


def shown(text: str) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    ends = [(position(text, place.begin), position(text, place.end)) for place in places(text)]
    return [((begin.line, begin.column), (end.line, end.column)) for begin, end in ends]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(ALONE, [((1, 38), (1, 167))], id="alone, from the AWS CLI's examples"),
        pytest.param(json.dumps(ADMINISTRATOR, indent=2), [((3, 17), (8, 6))], id="AdministratorAccess, in an answer of AWS"),
        pytest.param('{"Statement":[{},\r\n {}  ,{ }]}', [((1, 15), (1, 17)), ((1, 17), (2, 4)), ((2, 4), (2, 10))], id="list"),
        pytest.param(' {"Id": "Statement", "Statement" : [ {"a": [{}]} ] }', [((1, 37), (1, 49))], id="blanks"),
        pytest.param('{"\\u0053tatement":{"a":"}"},"Id":"x"}', [((1, 20), (1, 28))], id="escapes"),
    ],
)
def test_statements_stand(text: str, expected: list[tuple[tuple[int, int], tuple[int, int]]]) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize(
    ("offset", "expected"), [(0, Position(1, 1)), (2, Position(1, 3)), (4, Position(2, 1)), (6, Position(3, 2))]
)
def test_lines_end_as_they_may(offset: int, expected: Position) -> None:
    assert position("ab\r\n\ncd", offset) == expected


JSON = st.recursive(
    st.text() | st.booleans() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
STATEMENT = st.dictionaries(st.text(), JSON)


@given(
    st.lists(STATEMENT, min_size=1) | STATEMENT,
    st.dictionaries(st.text().filter(lambda key: key != "Statement"), JSON),
    st.sampled_from([None, 0, 2, "\t"]),
    st.booleans(),
)
def test_every_statement_is_found_where_it_is(
    statement: object, others: dict[str, object], indent: int | str | None, first: bool
) -> None:
    document = {"Statement": statement, **others} if first else {**others, "Statement": statement}
    text = json.dumps(document, indent=indent)
    found = [json.loads(text[place.start : place.end]) for place in places(text)]
    assert found == (statement if isinstance(statement, list) else [statement])
