"""Pages and markers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdad.control.pages import number_key, page
from lambdad.domain.errors import InvalidParameterValue


@given(st.lists(st.text(max_size=5), unique=True), st.integers(1, 7), st.integers(1, 7))
def test_pages_together_are_the_list(names: list[str], size: int, limit: int) -> None:
    items, found, params = sorted(names), list[str](), {"MaxItems": size}
    for _ in range(len(items) + 1):
        some, marker = page(items, str, params, limit=limit)
        assert len(some) <= min(size, limit)
        found += some
        if not marker:
            break
        params = {"MaxItems": size, "Marker": marker["NextMarker"]}
    assert found == items


def test_fifty_unless_told_otherwise() -> None:
    items = [number_key(number) for number in range(60)]
    assert len(page(items, str, {})[0]) == 50
    assert len(page(items, str, {"MaxItems": 10_000})[0]) == 60


@pytest.mark.parametrize("marker", ["x", "é", "////", "Mjp4"])
def test_markers_of_others_are_refused(marker: str) -> None:
    with pytest.raises(InvalidParameterValue, match="Invalid Marker"):
        page([], str, {"Marker": marker})


def test_numbers_sort_as_numbers_after_latest() -> None:
    assert sorted(["10", "9", "$LATEST"], key=number_key) == ["$LATEST", "9", "10"]
