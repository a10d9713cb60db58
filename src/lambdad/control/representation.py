"""How records look in answers: which members there are, and when they are absent. Pure."""

import base64
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from lambdad.control.logging_config import logging_answer
from lambdad.domain.arns import LATEST
from lambdad.domain.functions import Code, Version


def timestamp(milliseconds: int) -> str:
    """As Lambda prints times: `2026-11-21T10:00:00.000+0000`."""
    moment = datetime.fromtimestamp(milliseconds // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03}+0000"


def whole_seconds(milliseconds: int) -> str:
    """As Lambda prints the times of provisioned concurrency: `2026-11-21T10:00:00+0000`."""
    return f"{datetime.fromtimestamp(milliseconds // 1000, UTC):%Y-%m-%dT%H:%M:%S}+0000"


def base64_digest(code: Code) -> str:
    """`CodeSha256`: the digest as base64."""
    return base64.b64encode(bytes.fromhex(code.digest)).decode()


def runtime_version_arn(region: str, runtime: str) -> str:
    """A stable name for what this runtime identifier stands for."""
    digest = hashlib.sha256(f"lambdad/{runtime}".encode()).hexdigest()
    return f"arn:aws:lambda:{region}::runtime:{digest}"


def configuration(
    version: Version, *, qualifier: str | None = None, states: bool = True, qualified: bool = False
) -> dict[str, Any]:
    """`FunctionConfiguration`. `qualifier` ends the ARN as the request named it; lists leave the states out (`states=False`).

    A published version's ARN is always qualified, that of `$LATEST` only with `qualified` or where the request named it.
    """
    ending = qualifier or (version.version if qualified or version.version != LATEST else None)
    answer: dict[str, Any] = {
        "FunctionName": version.name,
        "FunctionArn": f"{version.unqualified_arn}:{ending}" if ending else version.unqualified_arn,
        "Runtime": version.runtime,
        "Role": version.role,
        "Handler": version.handler,
        "CodeSize": version.code.size,
        "Description": version.description,
        "Timeout": version.timeout,
        "MemorySize": version.memory_size,
        "LastModified": timestamp(version.last_modified_ms),
        "CodeSha256": base64_digest(version.code),
        "ConfigSha256": version.config_sha256,
        "Version": version.version,
        "TracingConfig": {"Mode": version.tracing_mode},
        "RevisionId": version.revision_id,
        "PackageType": version.package_type,
        "Architectures": [version.architecture],
        "EphemeralStorage": {"Size": version.ephemeral_storage},
        "SnapStart": {"ApplyOn": version.snap_start, "OptimizationStatus": version.optimization},
        "LoggingConfig": logging_answer(version.logging),
    }
    answer |= _optional(version)
    if states:
        answer |= _states(version)
    return answer


def _optional(version: Version) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    if version.environment is not None:
        answer["Environment"] = {"Variables": dict(version.environment)}
    if version.dead_letter_target:
        answer["DeadLetterConfig"] = {"TargetArn": version.dead_letter_target}
    if version.kms_key_arn:
        answer["KMSKeyArn"] = version.kms_key_arn
    if version.layers:
        answer["Layers"] = [{"Arn": layer.arn, "CodeSize": layer.code.size} for layer in version.layers]
    if "VpcConfig" in version.stored:
        answer["VpcConfig"] = version.stored["VpcConfig"]
    return answer


def _states(version: Version) -> dict[str, Any]:
    found = {
        "State": version.state,
        "StateReason": version.state_reason,
        "StateReasonCode": version.state_reason_code,
        "LastUpdateStatus": version.update_status,
        "LastUpdateStatusReason": version.update_reason,
        "LastUpdateStatusReasonCode": version.update_reason_code,
        "RuntimeVersionConfig": {"RuntimeVersionArn": version.runtime_version_arn},
    }
    return {member: value for member, value in found.items() if value is not None}


def config_sha256(version: Version) -> str:
    """`ConfigSha256`: base64 of a hash over what a function's owner configured, code and identity left out."""
    subject = [
        version.role,
        version.runtime,
        version.handler,
        [layer.arn for layer in version.layers],
        version.description,
        version.timeout,
        version.memory_size,
        version.ephemeral_storage,
        version.architecture,
        version.environment,
        logging_answer(version.logging),
        version.tracing_mode,
        version.dead_letter_target,
        version.kms_key_arn,
        version.snap_start,
        version.stored,
    ]
    return base64.b64encode(hashlib.sha256(json.dumps(subject, sort_keys=True).encode()).digest()).decode()
