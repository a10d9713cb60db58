"""The states of event source mappings."""

import pytest
from msgspec.structs import replace

from lambdad.control.mapping_lifecycle import deleted, finished, settled, updated
from lambdad.domain.mappings import EventSourceMapping, MappingState


def mapping(state: MappingState, *, enabled: bool = True) -> EventSourceMapping:
    return EventSourceMapping(
        account="1", region="r", id="u", source="arn:q", function="f", state=state, enabled=enabled, last_modified_ms=1
    )


@pytest.mark.parametrize(
    ("state", "enabled", "after"),
    [
        ("Creating", True, "Enabled"),
        ("Creating", False, "Disabled"),
        ("Enabling", True, "Enabled"),
        ("Disabling", False, "Disabled"),
        ("Updating", True, "Enabled"),
        ("Updating", False, "Disabled"),
    ],
)
def test_what_is_under_way_leads_to_a_settled_state(state: MappingState, enabled: bool, after: str) -> None:
    before = mapping(state, enabled=enabled)
    assert not settled(before)
    found = finished(before, 2)
    assert found is not None and (found.state, found.enabled, found.last_modified_ms) == (after, enabled, 2)
    assert settled(found)


@pytest.mark.parametrize(
    ("enabled", "wanted", "state"),
    [(False, True, "Enabling"), (True, False, "Disabling"), (True, True, "Updating"), (False, False, "Updating")],
)
def test_an_update_says_what_it_does(enabled: bool, wanted: bool, state: str) -> None:
    before = mapping("Enabled" if enabled else "Disabled", enabled=enabled)
    after = updated(before, replace(before, enabled=wanted, batch_size=1), 2)
    assert (after.state, after.enabled, after.batch_size, after.last_modified_ms) == (state, wanted, 1, 2)
    assert after.polled is wanted


def test_a_deletion_ends_in_nothing() -> None:
    gone = deleted(mapping("Enabled"), 2)
    assert (gone.state, gone.polled, gone.last_modified_ms) == ("Deleting", False, 2)
    assert not settled(gone)
    assert finished(gone, 3) is None
