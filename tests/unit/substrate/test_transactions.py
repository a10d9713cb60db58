import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.domain.errors import PlatformError
from lambdad.substrate.api import StorageFull
from lambdad.substrate.database import Failed, transact
from lambdad.substrate.key_values import after_prefix


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE word (text TEXT UNIQUE)")
    yield connection
    connection.close()


def put(text: str) -> Callable[[sqlite3.Connection], Any]:
    def job(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO word VALUES (?)", (text,))
        return text

    return job


def words(connection: sqlite3.Connection) -> list[str]:
    return [text for (text,) in connection.execute("SELECT text FROM word ORDER BY text")]


def test_writers_that_arrive_together_share_one_commit(connection: sqlite3.Connection) -> None:
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    assert transact(connection, [put(str(n)) for n in range(100)]) == [str(n) for n in range(100)]
    assert statements.count("COMMIT") == 1
    assert len(words(connection)) == 100


def test_what_one_job_raises_is_its_own_and_undone(connection: sqlite3.Connection) -> None:
    error = LookupError("mine")

    def fails(connection: sqlite3.Connection) -> None:
        put("half")(connection)
        raise error

    outcomes = transact(connection, [put("a"), fails, put("b")])
    assert outcomes == ["a", Failed(error), "b"]
    assert words(connection) == ["a", "b"]


def test_where_the_transaction_fails_each_job_gets_its_own(connection: sqlite3.Connection) -> None:
    outcomes = transact(connection, [put("a"), put("a"), put("b")])
    assert outcomes[0] == "a" and outcomes[2] == "b"
    assert isinstance(outcomes[1], Failed) and type(outcomes[1].error) is PlatformError
    assert words(connection) == ["a", "b"]


def test_a_full_file_refuses_what_does_not_fit_and_takes_the_rest(connection: sqlite3.Connection) -> None:
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages + 4}")
    outcomes = transact(connection, [put("a"), put("x" * 1_000_000), put("b")])
    assert isinstance(outcomes[1], Failed) and isinstance(outcomes[1].error, StorageFull)
    assert words(connection) == ["a", "b"]
    assert not connection.in_transaction


@given(st.text(max_size=4), st.text(max_size=6))
def test_a_text_is_before_the_end_of_a_prefix_just_when_it_starts_with_it(prefix: str, text: str) -> None:
    end = after_prefix(prefix)
    within = text >= prefix and (end is None or text < end)
    assert within == text.startswith(prefix) or (end is None and set(prefix) == {"\U0010ffff"})


@given(
    st.text(alphabet="\ud7ff\ue000\U0010ffff\U0010fffeab", max_size=4), st.text(alphabet="\ud7ff\ue000\U0010ffffab", max_size=6)
)
def test_the_end_of_a_prefix_at_the_edges_of_unicode(prefix: str, text: str) -> None:
    end = after_prefix(prefix)
    if end is not None:
        end.encode()
        assert (prefix <= text < end) == text.startswith(prefix)
    else:
        assert set(prefix) <= {"\U0010ffff"}
