"""The lifecycle of functions and versions: what must be prepared, and what becomes of a record then. Pure.

    Pending ──ready──► Active            LastUpdateStatus: (none) ──► Successful
       └──failed──► Failed               an update: InProgress ──► Successful | Failed

A function whose update failed keeps serving the code and configuration from before it. A Failed function becomes Active by a
successful update. https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
"""

from dataclasses import dataclass

from msgspec.structs import replace

from lambdad.domain.arns import LATEST
from lambdad.domain.errors import CallerError
from lambdad.domain.functions import Code, Function, Optimization, Version


@dataclass(frozen=True, slots=True)
class Step:
    """One build to prepare."""

    account: str
    region: str
    name: str
    version: str
    """`$LATEST` or a number."""
    build: str
    code: Code
    layers: tuple[Code, ...]
    runtime: str | None
    snapshot_of: Version | None = None
    """The version, where a snapshot for SnapStart belongs to being ready."""


@dataclass(frozen=True, slots=True)
class Failure:
    reason: str
    code: str
    """One of the API's StateReasonCode values."""


@dataclass(frozen=True, slots=True)
class Ready:
    optimization: Optimization = "Off"


def failure_of(error: Exception) -> Failure:
    """A package that cannot be unpacked is the owner's fault; anything else is lambdad's or its host's."""
    if isinstance(error, CallerError):
        return Failure(error.message, "InvalidZipFileException")
    return Failure(f"The code could not be prepared on this host: {error}", "InternalError")


def steps(function: Function) -> list[Step]:
    """What has to be prepared for this record to become what it is meant to be."""
    return [_step(version) for version in (function.latest, *function.versions.values()) if _unfinished(version)]


def finished(function: Function, step: Step, result: Ready | Failure, revision: str) -> Function:
    """The record after `step`; the same object where the record has moved on and the step means nothing to it."""
    version = function.latest if step.version == LATEST else function.versions.get(step.version)
    if version is None or version.build != step.build or not _unfinished(version):
        return function
    if isinstance(result, Failure):
        after, serving = _failed(version, result, revision), function.serving
    else:
        after, serving = _ready(version, result, revision), None
    if step.version != LATEST:
        return replace(function, versions={**function.versions, step.version: after})
    return replace(function, latest=after, serving=serving)


def _unfinished(version: Version) -> bool:
    return version.state == "Pending" or version.update_status == "InProgress"


def _step(version: Version) -> Step:
    return Step(
        version.account,
        version.region,
        version.name,
        version.version,
        version.build,
        version.code,
        tuple(layer.code for layer in version.layers),
        version.runtime,
        version if wants_snapshot(version) else None,
    )


def wants_snapshot(version: Version) -> bool:
    """`$LATEST` never has one: https://docs.aws.amazon.com/lambda/latest/dg/snapstart-activate.html"""
    return version.snap_start == "PublishedVersions" and version.version != LATEST


def _ready(version: Version, result: Ready, revision: str) -> Version:
    return replace(
        version,
        optimization=result.optimization,
        revision_id=revision,
        state="Active",
        state_reason=None,
        state_reason_code=None,
        update_status="Successful",
        update_reason=None,
        update_reason_code=None,
    )


def _failed(version: Version, failure: Failure, revision: str) -> Version:
    if version.state == "Pending":
        return replace(
            version, revision_id=revision, state="Failed", state_reason=failure.reason, state_reason_code=failure.code
        )
    return replace(
        version,
        revision_id=revision,
        update_status="Failed",
        update_reason=failure.reason,
        update_reason_code=failure.code,
    )
