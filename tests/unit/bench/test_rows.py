"""What a row says, and the two things that are printed of rows."""

import json

import pytest
from bench.rows import Beside, Row, Section, at_least, at_most, document, markdown, quantile, quantity, ratio_at_most

COLD = Row(
    "cold start", 6.0, "ms", Beside("`python3 -c pass`", 40.0, (39.0, 41.0)), (at_most(4), ratio_at_most(0.3)), (5.0, 7.0)
)
FACTS = {"cores": 2, "optimised": False, "interpreters": {"python3.11": "3.11.7"}}


def test_a_row_tells_its_goals_apart_where_they_came_out_differently() -> None:
    assert COLD.cells() == ["cold start", "6 ms", "`python3 -c pass` 40 ms", "0.15x", "≤ 4 ms: missed, ≤ 0.3x: met"]
    assert COLD.verdict == "missed"


def test_goals_that_came_out_alike_share_a_verdict() -> None:
    row = Row("cold start", 3.5, "ms", Beside("bare", 35.0), (at_most(4), ratio_at_most(0.3)))
    assert (row.goal_text(), row.verdict) == ("≤ 4 ms, ≤ 0.3x: met", "met")


def test_a_bound_is_met_by_its_own_value() -> None:
    assert Row("rate", 120, "/s", goals=(at_least(120),)).goal_text() == "≥ 120/s: met"
    assert Row("rate", 119.9, "/s", goals=(at_least(120),)).verdict == "missed"


def test_without_goal_there_is_no_verdict() -> None:
    row = Row("cold start", 3.5, "ms")
    assert (row.goal_text(), row.verdict, row.ratio) == ("–", None, None)


def test_a_ratio_that_there_is_not_meets_nothing() -> None:
    assert Row("failed", 0, beside=Beside("bare", 0), goals=(ratio_at_most(1),)).verdict == "missed"


@pytest.mark.parametrize(
    ("figure", "unit", "text"),
    [(0.294, "ms", "0.29 ms"), (34.17, "MB", "34.2 MB"), (9866.4, "/s", "9,866/s"), (1000, "", "1,000"), (2.0, "x", "2x")],
)
def test_figures_have_three_digits(figure: float, unit: str, text: str) -> None:
    assert quantity(figure, unit) == text


def test_a_quantile_is_a_sample() -> None:
    assert quantile(range(100), 0.99) == 99
    assert quantile(range(200), 0.99) == 198
    assert quantile([5.0], 0.99) == 5.0


def test_the_table() -> None:
    sections = [Section("cold", [COLD]), Section("burst", [], "FileNotFoundError: wrk is not installed")]
    assert markdown(sections, FACTS).splitlines() == [
        "| what | measured | beside it, same run | ratio | goal |",
        "|---|---:|---:|---:|---:|",
        "| cold start | 6 ms | `python3 -c pass` 40 ms | 0.15x | ≤ 4 ms: missed, ≤ 0.3x: met |",
        "| burst | failed | FileNotFoundError: wrk is not installed | – | – |",
        "",
        "cores: 2; optimised: no; interpreters: python3.11 3.11.7",
    ]


def test_the_document_has_every_figure_as_it_was_measured() -> None:
    plain = json.loads(document([Section("cold", [COLD]), Section("burst", [], "broken")], FACTS, quick=True))
    assert (plain["machine"], plain["quick"], plain["failures"]) == (FACTS, True, {"burst": "broken"})
    (row,) = plain["rows"]
    assert row["family"] == "cold"
    assert (row["figure"], row["unit"], row["samples"]) == (6.0, "ms", [5.0, 7.0])
    assert row["beside"] == {"what": "`python3 -c pass`", "figure": 40.0, "samples": [39.0, 41.0]}
    assert [goal["met"] for goal in row["goals"]] == [False, True]
    assert row["verdict"] == "missed"


def test_a_document_without_rows_is_json() -> None:
    assert json.loads(document([], FACTS, quick=False))["rows"] == []
