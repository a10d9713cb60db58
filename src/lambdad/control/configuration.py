"""The versions that requests ask for: `$LATEST` of a new function, after an update, and as it is published. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace

from lambdad.control.logging_config import logging_of
from lambdad.control.representation import config_sha256, runtime_version_arn
from lambdad.domain.arns import LATEST, FunctionName
from lambdad.domain.functions import Code, Function, Layer, Version
from lambdad.domain.limits import EPHEMERAL_STORAGE

BEING_CREATED = "The function is being created."
"""AWS gives this reason for updates too."""


def new_latest(
    name: FunctionName,
    params: Mapping[str, Any],
    code: Code,
    layers: Sequence[Layer],
    *,
    architecture: str,
    now_ms: int,
    revision: str,
    build: str,
) -> Version:
    """`$LATEST` as CreateFunction asks for it; Pending."""
    stored: dict[str, Any] = {}
    if params.get("VpcConfig") is not None:
        stored["VpcConfig"] = _vpc(params["VpcConfig"])
    if params["Code"].get("SourceKMSKeyArn"):
        stored["SourceKMSKeyArn"] = params["Code"]["SourceKMSKeyArn"]
    environment = params.get("Environment")
    version = Version(
        account=name.account,
        region=name.region,
        name=name.name,
        version=LATEST,
        build=build,
        revision_id=revision,
        last_modified_ms=now_ms,
        role=params["Role"],
        runtime=params["Runtime"],
        handler=params["Handler"],
        code=code,
        layers=tuple(layers),
        description=params.get("Description") or "",
        timeout=params.get("Timeout") or 3,
        memory_size=params.get("MemorySize") or 128,
        ephemeral_storage=(params.get("EphemeralStorage") or {}).get("Size") or EPHEMERAL_STORAGE,
        architecture=architecture,
        environment=None if environment is None else dict(environment.get("Variables") or {}),
        logging=logging_of(name.name, params.get("LoggingConfig")),
        tracing_mode=(params.get("TracingConfig") or {}).get("Mode") or "PassThrough",
        dead_letter_target=(params.get("DeadLetterConfig") or {}).get("TargetArn") or None,
        kms_key_arn=params.get("KMSKeyArn") or None,
        snap_start=(params.get("SnapStart") or {}).get("ApplyOn") or "None",
        stored=stored,
        runtime_version_arn=runtime_version_arn(name.region, params["Runtime"]),
        state="Pending",
        state_reason=BEING_CREATED,
        state_reason_code="Creating",
    )
    return replace(version, config_sha256=config_sha256(version))


def configured(latest: Version, params: Mapping[str, Any], layers: Sequence[Layer] | None) -> Version:
    """The configuration after UpdateFunctionConfiguration: given members replace present ones, absent ones stay.

    `layers` None: as they are. An empty `KMSKeyArn` or `TargetArn` removes. Raises InvalidParameterValue (logging).
    """
    changes: dict[str, Any] = {
        member: params[parameter]
        for parameter, member in (
            ("Role", "role"),
            ("Handler", "handler"),
            ("Description", "description"),
            ("Timeout", "timeout"),
            ("MemorySize", "memory_size"),
        )
        if params.get(parameter) is not None
    }
    if params.get("Runtime"):
        changes["runtime"] = params["Runtime"]
        changes["runtime_version_arn"] = runtime_version_arn(latest.region, params["Runtime"])
    if params.get("EphemeralStorage"):
        changes["ephemeral_storage"] = params["EphemeralStorage"]["Size"]
    if params.get("Environment") is not None:
        changes["environment"] = dict(params["Environment"].get("Variables") or {})
    if params.get("LoggingConfig") is not None:
        changes["logging"] = logging_of(latest.name, params["LoggingConfig"], latest.logging)
    if (params.get("TracingConfig") or {}).get("Mode"):
        changes["tracing_mode"] = params["TracingConfig"]["Mode"]
    if (params.get("SnapStart") or {}).get("ApplyOn"):
        changes["snap_start"] = params["SnapStart"]["ApplyOn"]
    if params.get("KMSKeyArn") is not None:
        changes["kms_key_arn"] = params["KMSKeyArn"] or None
    if (params.get("DeadLetterConfig") or {}).get("TargetArn") is not None:
        changes["dead_letter_target"] = params["DeadLetterConfig"]["TargetArn"] or None
    if params.get("VpcConfig") is not None:
        changes["stored"] = {**latest.stored, "VpcConfig": _vpc(params["VpcConfig"])}
    if layers is not None:
        changes["layers"] = tuple(layers)
    return replace(latest, **changes)


def recoded(latest: Version, code: Code, source_key: str | None) -> Version:
    """The code after UpdateFunctionCode."""
    stored = {member: value for member, value in latest.stored.items() if member != "SourceKMSKeyArn"}
    if source_key:
        stored["SourceKMSKeyArn"] = source_key
    return replace(latest, code=code, stored=stored)


def updated(function: Function, latest: Version, *, now_ms: int, revision: str, build: str) -> Function:
    """`latest` begins to replace the present `$LATEST`, which serves until the new one is ready."""
    before = function.latest
    # A failed update leaves the version from before it serving; a function that never worked has nothing to serve.
    serving = function.serving or (before if before.state == "Active" else None)
    latest = replace(
        latest,
        build=build,
        revision_id=revision,
        last_modified_ms=now_ms,
        config_sha256=config_sha256(latest),
        update_status="InProgress",
        update_reason=BEING_CREATED,
        update_reason_code="Creating",
    )
    return replace(function, latest=latest, serving=serving)


def published(
    function: Function, description: str | None, *, now_ms: int, revision: str, build: str
) -> tuple[Function, Version]:
    """The function with `$LATEST` as its next version, and that version; the last one where nothing has changed since.

    A version of code that is ready is Active at once: it is the same package. SnapStart has it initialised first.
    """
    latest = function.latest
    last = published_already(function)
    if last is not None:
        return function, last
    ready = latest.state == "Active" and latest.update_status == "Successful" and latest.snap_start == "None"
    state: Literal["Active", "Pending"] = "Active" if ready else "Pending"
    version = replace(
        latest,
        version=str(function.next_version),
        build=build,
        revision_id=revision,
        last_modified_ms=now_ms,
        description=latest.description if description is None else description,
        state=state,
        state_reason=None if ready else BEING_CREATED,
        state_reason_code=None if ready else "Creating",
        update_status="Successful" if ready else None,
        update_reason=None,
        update_reason_code=None,
    )
    after = replace(
        function,
        next_version=function.next_version + 1,
        versions={**function.versions, version.version: version},
    )
    return after, version


def published_already(function: Function) -> Version | None:
    """The last version, where nothing has changed since it was published."""
    latest, last = function.latest, newest(function)
    if last is None or last.code.digest != latest.code.digest or last.config_sha256 != latest.config_sha256:
        return None
    return last


def newest(function: Function) -> Version | None:
    """The published version with the highest number."""
    if not function.versions:
        return None
    return function.versions[max(function.versions, key=int)]


def _vpc(request: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "SubnetIds": list(request.get("SubnetIds") or []),
        "SecurityGroupIds": list(request.get("SecurityGroupIds") or []),
        # There is no EC2 here that could tell which VPC the subnets belong to.
        "VpcId": "",
        "Ipv6AllowedForDualStack": bool(request.get("Ipv6AllowedForDualStack")),
    }
