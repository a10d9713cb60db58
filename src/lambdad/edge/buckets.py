"""S3's two ways to name a bucket. Pure. https://docs.aws.amazon.com/AmazonS3/latest/userguide/VirtualHosting.html"""

import re

from lambdad.edge.hosts import host_name
from lambdad.wire.messages import Request

# Not `s3-control`, which is another service. `BUCKET.localhost` is what clients make of an endpoint `http://localhost`.
_AWS = re.compile(r"(?:(?P<bucket>.+)\.)?s3(?!-control)(?:[.-][a-z0-9]+)*\.amazonaws\.com(?:\.cn)?")
_LOCAL = re.compile(r"(?P<bucket>.+?)(?:\.s3(?:\.[a-z0-9-]+)?)?\.localhost")
_NO_BUCKET = re.compile(r"s3(?:[.-][a-z0-9-]+)?\.localhost")


def path_style(request: Request) -> Request:
    """The same request with its bucket in the path, where it is in the host."""
    name = host_name(request.headers.get("host", ""))
    found = _AWS.fullmatch(name) or (None if _NO_BUCKET.fullmatch(name) else _LOCAL.fullmatch(name))
    bucket = found["bucket"] if found is not None else None
    if bucket is None:
        return request
    return Request(request.method, f"/{bucket}{request.path}", request.query, request.headers, request.body)
