"""What S3's operations need. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html (`actions` has the names)
"""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.services.companions.actions import action
from lambdad.services.companions.arns import Params, need

_VERSIONED: Final = frozenset(
    {
        "GetObject",
        "GetObjectAcl",
        "GetObjectTagging",
        "GetObjectAttributes",
        "PutObjectAcl",
        "PutObjectTagging",
        "DeleteObject",
        "DeleteObjectTagging",
    }
)
"""Actions that have another name for a version of an object, e.g. `GetObjectVersionAcl`."""
_GRANTS: Final = ("ACL", "GrantFullControl", "GrantRead", "GrantReadACP", "GrantWriteACP")
_CONTEXT: Final = {
    "Prefix": "s3:prefix",
    "Delimiter": "s3:delimiter",
    "MaxKeys": "s3:max-keys",
    "ACL": "s3:x-amz-acl",
    "ServerSideEncryption": "s3:x-amz-server-side-encryption",
    "StorageClass": "s3:x-amz-storage-class",
}


def needs(operation: str, caller: Caller, params: Params) -> list[Need]:
    name = action("s3", operation)
    bucket, key = params.get("Bucket"), params.get("Key")
    if not bucket:
        return [need(name, caller)]
    context: dict[str, str | Sequence[str]] = {
        word: str(params[member]) for member, word in _CONTEXT.items() if member in params
    }
    if operation == "DeleteObjects":
        objects = params.get("Delete", {}).get("Objects", ())
        return [need(_versioned(name, each), caller, _arn(bucket, each.get("Key", "")), context) for each in objects]
    resource = _arn(bucket, key)
    found = [need(_versioned(name, params), caller, resource, context)]
    if operation == "GetObjectAttributes":
        found.append(need(_versioned("s3:GetObject", params), caller, resource, context))
    if operation in ("PutObject", "CopyObject", "CreateMultipartUpload"):
        if any(grant in params for grant in _GRANTS):
            found.append(need("s3:PutObjectAcl", caller, resource, context))
        if "Tagging" in params:
            found.append(need("s3:PutObjectTagging", caller, resource, context))
    if "CopySource" in params:
        found.append(_source(caller, params["CopySource"]))
    return found


def _arn(bucket: str, key: str | None) -> str:
    path = bucket if key is None else f"{bucket}/{key}"
    return path if path.startswith("arn:") else f"arn:aws:s3:::{path}"


def _versioned(name: str, params: Params) -> str:
    prefix, _, rest = name.partition(":")
    if not params.get("VersionId") or rest not in _VERSIONED:
        return name
    return f"{prefix}:{rest.replace('Object', 'ObjectVersion', 1)}"


def _source(caller: Caller, source: Any) -> Need:
    """`BUCKET/KEY?versionId=…`, percent-encoded."""
    path, _, version = str(source).removeprefix("/").partition("?versionId=")
    bucket, _, key = unquote(path).partition("/")
    return need("s3:GetObjectVersion" if version else "s3:GetObject", caller, _arn(bucket, key))
