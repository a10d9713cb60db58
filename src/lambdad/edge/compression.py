"""Bodies that SDKs compress, such as those of CloudWatch's PutMetricData beyond 10 KB. Pure.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-compression.html. The signature is that of the compressed body.
"""

import zlib

from lambdad.domain import limits
from lambdad.domain.errors import CallerError, RequestEntityTooLarge
from lambdad.wire.messages import Request

_GZIP = 31
"""zlib's `wbits` for gzip's format and the largest window."""


def uncompressed(request: Request) -> Request:
    """The same request, readable. Raises CallerError for what is no gzip, and for more than a request may have."""
    if request.headers.get("content-encoding") != "gzip":
        return request
    unpacking = zlib.decompressobj(_GZIP)
    try:
        body = unpacking.decompress(request.body, limits.REQUEST_BODY)
    except zlib.error:
        raise CallerError.named("SerializationException", "The request's body is not in gzip's format.") from None
    if unpacking.unconsumed_tail:
        raise RequestEntityTooLarge(f"Request must be smaller than {limits.REQUEST_BODY} bytes when it is unpacked")
    headers = {name: value for name, value in request.headers.items() if name != "content-encoding"}
    return Request(request.method, request.path, request.query, headers, body)
