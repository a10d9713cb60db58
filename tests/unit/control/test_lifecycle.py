"""The lifecycle's decisions."""

from typing import Any

from msgspec.structs import replace

from lambdad.control.configuration import new_latest, published, updated
from lambdad.control.lifecycle import Failure, Ready, failure_of, finished, steps
from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import InvalidParameterValue
from lambdad.domain.functions import Code, Function, Layer, Version

NAME = FunctionName("123456789012", "eu-west-1", "f")
LAYER = Layer("arn:layer:1", Code("11" * 32, 1))
READY = Ready()
FAILURE = Failure("broken", "InvalidZipFileException")


def latest(build: str = "b1", **changes: Any) -> Version:
    params: dict[str, Any] = {"Role": "r", "Runtime": "python3.12", "Handler": "h", "Code": {}}
    made = new_latest(NAME, params, Code("00" * 32, 1), [LAYER], architecture="x86_64", now_ms=1, revision="r1", build=build)
    return replace(made, **changes)


def function(version: Version) -> Function:
    return Function(account=NAME.account, region=NAME.region, name=NAME.name, latest=version)


def done(before: Function, result: Ready | Failure = READY) -> Function:
    for step in steps(before):
        before = finished(before, step, result, "later")
    return before


def test_a_pending_function_is_one_step_away_from_active() -> None:
    (step,) = steps(function(latest()))
    assert (step.version, step.code.digest, step.layers, step.runtime) == ("$LATEST", "00" * 32, (LAYER.code,), "python3.12")
    after = done(function(latest()))
    assert (after.latest.state, after.latest.update_status, after.latest.revision_id) == ("Active", "Successful", "later")
    assert steps(after) == []


def test_a_failure_says_why() -> None:
    after = done(function(latest()), FAILURE).latest
    assert (after.state, after.state_reason, after.state_reason_code) == ("Failed", "broken", "InvalidZipFileException")


def test_an_old_step_means_nothing_to_a_newer_record() -> None:
    (old,) = steps(function(latest()))
    newer = function(latest(build="b2"))
    assert finished(newer, old, READY, "later") is newer
    active = done(function(latest()))
    assert finished(active, old, FAILURE, "later") is active


def test_while_an_update_runs_the_version_from_before_serves() -> None:
    active = done(function(latest()))
    updating = updated(active, replace(active.latest, timeout=9), now_ms=2, revision="r2", build="b2")
    assert updating.serving is active.latest
    assert [step.build for step in steps(updating)] == ["b2"]
    assert done(updating).serving is None
    failed = done(updating, FAILURE)
    assert failed.serving is active.latest and failed.latest.update_status == "Failed" and failed.latest.state == "Active"
    again = updated(failed, replace(failed.latest, timeout=10), now_ms=3, revision="r3", build="b3")
    assert again.serving is active.latest, "not the broken one in between"


def test_what_never_worked_serves_nothing() -> None:
    failed = done(function(latest()), FAILURE)
    updating = updated(failed, failed.latest, now_ms=2, revision="r2", build="b2")
    assert updating.serving is None
    assert done(updating).latest.state == "Active"
    assert done(updating, FAILURE).latest.state == "Failed"


def test_versions_are_prepared_with_latest_or_ready_at_once() -> None:
    pending, version = published(function(latest()), None, now_ms=1, revision="r", build="v1")
    assert version.state == "Pending" and [step.version for step in steps(pending)] == ["$LATEST", "1"]
    assert done(pending).versions["1"].state == "Active"
    ready, version = published(done(function(latest())), None, now_ms=1, revision="r", build="v1")
    assert version.state == "Active" and steps(ready) == [] and version.build != ready.latest.build


def test_whose_fault_a_failure_is() -> None:
    assert failure_of(InvalidParameterValue("bad zip")) == Failure("bad zip", "InvalidZipFileException")
    assert failure_of(OSError("disk")).code == "InternalError"


def test_with_snapstart_a_version_waits_for_its_snapshot() -> None:
    ready = done(function(latest(snap_start="PublishedVersions")))
    assert ready.latest.optimization == "Off", "never that of $LATEST"
    pending, version = published(ready, None, now_ms=1, revision="r", build="v1")
    assert (version.state, version.state_reason_code, version.optimization) == ("Pending", "Creating", "Off")
    assert [step.snapshot_of for step in steps(pending)] == [version]
    taken = done(pending, Ready("On")).versions["1"]
    assert (taken.state, taken.state_reason_code, taken.optimization) == ("Active", None, "On")
    without = done(pending, Ready("Off")).versions["1"]
    assert (without.state, without.optimization) == ("Active", "Off")
    failed = done(pending, Failure("no luck", "FunctionError.RuntimeInitError")).versions["1"]
    assert (failed.state, failed.state_reason_code, failed.optimization) == ("Failed", "FunctionError.RuntimeInitError", "Off")


def test_a_version_of_a_snapshot_starts_again_without_one() -> None:
    """`published` copies `$LATEST`, which never has one."""
    ready = done(function(latest(snap_start="PublishedVersions")))
    first = done(published(ready, None, now_ms=1, revision="r", build="v1")[0], Ready("On"))
    changed = done(updated(first, replace(first.latest, timeout=9), now_ms=2, revision="r2", build="b2"))
    assert published(changed, None, now_ms=3, revision="r3", build="v2")[1].optimization == "Off"
