"""Which records failed, by what the function answered."""

import pytest

from lambdad.pollers.responses import failures

IDS = frozenset({"a", "b", "c"})


@pytest.mark.parametrize(
    "payload",
    [b"", b"  ", b"null", b"{}", b'{"batchItemFailures":[]}', b'{"batchItemFailures":null}', b'{"statusCode":200}'],
)
def test_nothing_failed(payload: bytes) -> None:
    assert set(failures(payload, IDS)) == set()


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'"done"',
        b"42",
        b"true",
        b"false",
        b"[]",
        b'{"batchItemFailures":{}}',
        b'{"batchItemFailures":"a"}',
        b'{"batchItemFailures":false}',
        b'{"batchItemFailures":["a"]}',
        b'{"batchItemFailures":[null]}',
        b'{"batchItemFailures":[{}]}',
        b'{"batchItemFailures":[{"itemIdentifier":""}]}',
        b'{"batchItemFailures":[{"itemIdentifier":null}]}',
        b'{"batchItemFailures":[{"itemIdentifier":1}]}',
        b'{"batchItemFailures":[{"itemIdentifier":["a"]}]}',
        b'{"batchItemFailures":[{"itemidentifier":"a"}]}',
        b'{"batchItemFailures":[{"itemIdentifier":"unknown"}]}',
        b'{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"unknown"}]}',
    ],
    ids=lambda payload: repr(payload[:70]),
)
def test_a_malformed_response_is_the_failure_of_all(payload: bytes) -> None:
    assert set(failures(payload, IDS)) == IDS


def test_those_that_are_listed_failed() -> None:
    listed = b'{"batchItemFailures":[{"itemIdentifier":"c"},{"itemIdentifier":"a","why":1},{"itemIdentifier":"a"}],"more":1}'
    assert set(failures(listed, IDS)) == {"a", "c"}
