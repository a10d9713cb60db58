"""What policies call an operation, where that is not the operation's name after the service's signing name. Pure.

Sources: https://docs.aws.amazon.com/service-authorization/latest/reference/ (`list_amazons3.html`, `list_amazonsns.html`, …)
and, for S3, https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html.
"""

from collections.abc import Iterator
from typing import Final

from lambdad.wire.signing_names import SIGNING_NAMES

_PREFIXES: Final = {"monitoring": "cloudwatch", "tagging": "tag", "iotdata": "iot"}
"""By signing name."""

_SIGNED_AS: Final = {name: signed for signed, names in SIGNING_NAMES.items() for name in names}

_S3: Final = {
    "ListBucket": ("HeadBucket", "ListObjects", "ListObjectsV2"),
    "ListBucketVersions": ("ListObjectVersions",),
    "ListBucketMultipartUploads": ("ListMultipartUploads",),
    "ListMultipartUploadParts": ("ListParts",),
    "ListAllMyBuckets": ("ListBuckets",),
    "GetObject": ("HeadObject", "SelectObjectContent"),
    "PutObject": ("CopyObject", "UploadPart", "UploadPartCopy", "CreateMultipartUpload", "CompleteMultipartUpload"),
    "DeleteObject": ("DeleteObjects",),
    "GetLifecycleConfiguration": ("GetBucketLifecycle", "GetBucketLifecycleConfiguration"),
    "PutLifecycleConfiguration": ("PutBucketLifecycle", "PutBucketLifecycleConfiguration", "DeleteBucketLifecycle"),
    "GetEncryptionConfiguration": ("GetBucketEncryption",),
    "PutEncryptionConfiguration": ("PutBucketEncryption", "DeleteBucketEncryption"),
    "GetReplicationConfiguration": ("GetBucketReplication",),
    "PutReplicationConfiguration": ("PutBucketReplication", "DeleteBucketReplication"),
    "GetBucketCORS": ("GetBucketCors",),
    "PutBucketCORS": ("PutBucketCors", "DeleteBucketCors"),
    "GetBucketNotification": ("GetBucketNotificationConfiguration",),
    "PutBucketNotification": ("PutBucketNotificationConfiguration",),
    "GetAccelerateConfiguration": ("GetBucketAccelerateConfiguration",),
    "PutAccelerateConfiguration": ("PutBucketAccelerateConfiguration",),
    "GetInventoryConfiguration": ("GetBucketInventoryConfiguration", "ListBucketInventoryConfigurations"),
    "PutInventoryConfiguration": ("PutBucketInventoryConfiguration", "DeleteBucketInventoryConfiguration"),
    "GetAnalyticsConfiguration": ("GetBucketAnalyticsConfiguration", "ListBucketAnalyticsConfigurations"),
    "PutAnalyticsConfiguration": ("PutBucketAnalyticsConfiguration", "DeleteBucketAnalyticsConfiguration"),
    "GetMetricsConfiguration": ("GetBucketMetricsConfiguration", "ListBucketMetricsConfigurations"),
    "PutMetricsConfiguration": ("PutBucketMetricsConfiguration", "DeleteBucketMetricsConfiguration"),
    "GetIntelligentTieringConfiguration": (
        "GetBucketIntelligentTieringConfiguration",
        "ListBucketIntelligentTieringConfigurations",
    ),
    "PutIntelligentTieringConfiguration": (
        "PutBucketIntelligentTieringConfiguration",
        "DeleteBucketIntelligentTieringConfiguration",
    ),
    "PutBucketTagging": ("DeleteBucketTagging",),
    "GetBucketPublicAccessBlock": ("GetPublicAccessBlock",),
    "PutBucketPublicAccessBlock": ("PutPublicAccessBlock", "DeletePublicAccessBlock"),
    "PutBucketOwnershipControls": ("DeleteBucketOwnershipControls",),
    "GetBucketObjectLockConfiguration": ("GetObjectLockConfiguration",),
    "PutBucketObjectLockConfiguration": ("PutObjectLockConfiguration",),
}


def _named(prefix: str, table: dict[str, tuple[str, ...]]) -> Iterator[tuple[str, str]]:
    for action, operations in table.items():
        for operation in operations:
            yield f"{prefix}:{operation}", f"{prefix}:{action}"


_OTHERS: Final = {
    **dict(_named("s3", _S3)),
    "sns:PublishBatch": "sns:Publish",
}
"""By prefix and operation."""


def action(service: str, operation: str) -> str:
    """`service`: botocore's name."""
    signed = _SIGNED_AS.get(service, service)
    name = f"{_PREFIXES.get(signed, signed)}:{operation}"
    return _OTHERS.get(name, name)
