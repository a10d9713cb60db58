"""What is wrong with a signature, in AWS's words: those of S3, and those that all other services share.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html and
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html; texts that no page has are those that users of AWS quote.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from lambdad.domain.errors import CallerError, ExpiredToken, IncompleteSignature, InvalidSignature, UnrecognizedClient
from lambdad.wire.signature import Credential
from lambdad.wire.timestamps import iso8601

SKEW = 300
"""Seconds that a client's clock may differ from ours."""
S3_SKEW = 900


def basic(seconds: float) -> str:
    """`20261121T100000Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


def mismatch(credential: Credential, string_to_sign: str | None = None) -> CallerError:
    """Only S3 tells the string to sign, which has nothing in it that the caller did not send."""
    if credential.service != "s3":
        return InvalidSignature()
    return CallerError.named(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        403,
        AWSAccessKeyId=credential.access_key_id,
        StringToSign=string_to_sign,
        SignatureProvided=credential.signature,
    )


def wrong_service(services: Collection[str], credential: Credential) -> CallerError:
    if "s3" in services:
        return _malformed(credential, f'incorrect service "{credential.service}". This endpoint belongs to "s3".')
    # The blank at the end is AWS's.
    return InvalidSignature(f"Credential should be scoped to correct service: '{next(iter(services), '')}'. ")


def wrong_scope_date(date: str, credential: Credential) -> CallerError:
    if credential.service == "s3":
        said = f'Invalid credential date "{credential.date}". This date is not the same as X-Amz-Date: "{date[:8]}".'
        return _malformed(credential, said)
    return InvalidSignature(
        "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
        f"'{credential.date}' != '{date[:8]}', from '{date}'."
    )


def _malformed(credential: Credential, said: str) -> CallerError:
    if credential.presigned:
        return CallerError.named("AuthorizationQueryParametersError", said, 400)
    return CallerError.named("AuthorizationHeaderMalformed", f"The authorization header is malformed; {said}", 400)


def malformed_date(date: str, credential: Credential) -> CallerError:
    if credential.service == "s3":
        return CallerError.named("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header", 403)
    return IncompleteSignature(
        f"Date must be in ISO-8601 'basic format'. Got '{date}'. See http://en.wikipedia.org/wiki/ISO_8601"
    )


def wrong_time(date: str, moment: int, second: int, credential: Credential) -> CallerError | None:
    """None for a request whose time has come and has not gone. `moment` is its date, `second` is now, both in epoch seconds.

    A presigned request is good from its date on for `X-Amz-Expires` seconds; a clock that is fast is forgiven for both forms.
    """
    s3, expires = credential.service == "s3", credential.expires
    skew = S3_SKEW if s3 else SKEW
    lifetime = skew if expires is None else expires
    if moment - skew <= second <= moment + lifetime:
        return None
    early = second < moment
    if s3:
        return _wrong_time_s3(date, moment, second, early, expires)
    if early:
        latest = f"{basic(second + skew)} ({basic(second)} + {skew // 60} min.)"
        return InvalidSignature(f"Signature not yet current: {date} is still later than {latest}")
    span = f"{lifetime // 60} min." if lifetime % 60 == 0 else f"{lifetime} sec."
    return InvalidSignature(
        f"Signature expired: {date} is now earlier than {basic(second - lifetime)} ({basic(second)} - {span})"
    )


def _wrong_time_s3(date: str, moment: int, second: int, early: bool, expires: int | None) -> CallerError:
    now = iso8601(second)
    if expires is None:
        return CallerError.named(
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            403,
            RequestTime=date,
            ServerTime=now,
            MaxAllowedSkewMilliseconds=S3_SKEW * 1000,
        )
    end = iso8601(moment + expires)
    if early:  # AWS has milliseconds since the epoch under this name, and nowhere else.
        said = {"X-Amz-Date": moment * 1000, "Expires": end, "ServerTime": now}
        return CallerError.named("AccessDenied", "Request is not yet valid", 403, **said)
    said = {"X-Amz-Expires": expires, "Expires": end, "ServerTime": now}
    return CallerError.named("AccessDenied", "Request has expired", 403, **said)


def unsigned_headers(names: Sequence[str], credential: Credential) -> CallerError:
    if credential.service == "s3":
        return CallerError.named(
            "AccessDenied",
            "There were headers present in the request which were not signed",
            403,
            HeadersNotSigned=", ".join(names),
        )
    first = "'Host' or ':authority'" if names[0] == "host" else f"'{names[0].title()}'"
    return InvalidSignature(f"{first} must be a 'SignedHeader' in the AWS Authorization.")


def missing_payload_hash() -> CallerError:
    return CallerError.named("InvalidRequest", "Missing required header for this request: x-amz-content-sha256")


def malformed_payload_hash(value: str, accepted: Sequence[str]) -> CallerError:
    return CallerError.named(
        "InvalidArgument",
        f"x-amz-content-sha256 must be {', '.join(accepted)}, or a valid sha256 value.",
        ArgumentName="x-amz-content-sha256",
        ArgumentValue=value,
    )


def wrong_payload(claimed: str, computed: str) -> CallerError:
    """Of S3. Elsewhere the payload's hash is only part of what is signed, and a wrong body is a wrong signature."""
    return CallerError.named(
        "XAmzContentSHA256Mismatch",
        "The provided 'x-amz-content-sha256' header does not match what was computed.",
        ClientComputedContentSHA256=claimed,
        S3ComputedContentSHA256=computed,
    )


def missing_length() -> CallerError:
    return CallerError.named("MissingContentLength", "You must provide the Content-Length HTTP header.", 411)


def incomplete_body() -> CallerError:
    """A body that ends too early, or that is not framed as it says."""
    return CallerError.named("IncompleteBody", "The request body terminated unexpectedly")


def small_chunk(size: int) -> CallerError:
    return CallerError.named(
        "InvalidChunkSizeError",
        "Only the last chunk is allowed to have a size less than 8192 bytes",
        403,
        BadChunkSize=size,
    )


def large_chunk(size: int, limit: int) -> CallerError:
    """lambdad's own words: where AWS's limit is, no page says."""
    return CallerError.named("InvalidRequest", f"A signed chunk may have at most {limit} bytes, not {size}.")


def unknown_trailer() -> CallerError:
    return CallerError.named("InvalidRequest", "The value specified in the x-amz-trailer header is not supported")


def malformed_trailer() -> CallerError:
    return CallerError.named(
        "MalformedTrailerError",
        "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    )


def wrong_chunk() -> CallerError:
    return CallerError.named(
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        403,
    )


def unknown_key(credential: Credential) -> CallerError:
    if credential.service != "s3":
        return UnrecognizedClient()
    return CallerError.named(
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
        403,
        AWSAccessKeyId=credential.access_key_id,
    )


def wrong_token(credential: Credential) -> CallerError:
    if credential.service != "s3":
        return UnrecognizedClient()
    return CallerError.named("InvalidToken", "The provided token is malformed or otherwise invalid.")


def expired_token(credential: Credential) -> CallerError:
    if credential.service != "s3":
        return ExpiredToken(
            query_error="ExpiredToken"
        )  # Named, because STS's model has an error of its own under the longer one.
    return CallerError.named("ExpiredToken", "The provided token has expired.")
