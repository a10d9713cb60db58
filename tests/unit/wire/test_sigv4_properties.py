"""Whatever is signed: no byte of it can be another one."""

from typing import Any
from urllib.parse import quote

import botocore.auth
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lambdad.domain.errors import CallerError
from lambdad.wire.messages import Request
from lambdad.wire.signature import credential
from tests.unit.wire.signing import changed, signed, verified

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SIGNERS = st.sampled_from(
    [
        (botocore.auth.SigV4Auth, "lambda"),
        (botocore.auth.SigV4Auth, "sqs"),
        (botocore.auth.S3SigV4Auth, "s3"),
        (botocore.auth.SigV4QueryAuth, "lambda"),
        (botocore.auth.S3SigV4QueryAuth, "s3"),
    ]
)


@st.composite
def requests(draw: st.DrawFn) -> Request:
    signer, service = draw(SIGNERS)
    presigned = signer in (botocore.auth.SigV4QueryAuth, botocore.auth.S3SigV4QueryAuth)
    path = "/" + "/".join(quote(part, safe="~") for part in draw(st.lists(TEXT, min_size=1, max_size=4)))
    pairs = draw(st.lists(st.tuples(TEXT, TEXT), max_size=4))
    query = "&".join(f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in pairs)
    # S3's presigned requests need not say anything of the body; botocore takes that of the others for a form.
    body = b"" if presigned else draw(st.binary(max_size=32))
    headers = draw(st.dictionaries(st.sampled_from(["x-amz-meta-a", "content-type", "x-b"]), st.text("abc 1", max_size=8)))
    method = draw(st.sampled_from(["GET", "PUT", "POST"]))
    token = draw(st.none() | st.just("token"))
    url = f"http://localhost:4566{path}{'?' if query else ''}{query}"
    return signed(signer, url, method=method, service=service, body=body, headers=headers, token=token)


def another(text: str, data: st.DataObject) -> str:
    """With one letter or digit that is another one; not of an escape, whose hex digits may be in either case."""
    places = [at for at, was in enumerate(text) if was.isascii() and was.isalnum() and "%" not in text[max(0, at - 2) : at]]
    assume(places)
    at = data.draw(st.sampled_from(places))
    new = data.draw(st.sampled_from([each for each in "aZ0qX7" if each != text[at]]))
    return f"{text[:at]}{new}{text[at + 1 :]}"


@settings(max_examples=600, deadline=None, derandomize=True, database=None)
@given(requests(), st.data())
def test_one_byte_that_is_another_one(request: Request, data: st.DataObject) -> None:
    found = credential(request)
    names = [name for name in found.signed_headers if request.headers[name].strip()]
    where: Any = data.draw(
        st.sampled_from(["method", "path", "query", "body", *names, *([] if found.presigned else ["authorization"])])
    )
    if where == "method":
        mutated = changed(request, method=another(request.method, data))
    elif where in ("path", "query"):
        mutated = changed(request, **{where: another(getattr(request, where), data)})
    elif where == "body":
        assume(request.body)
        at, bit = data.draw(st.integers(0, len(request.body) - 1)), data.draw(st.integers(0, 7))
        body = bytes([*request.body[:at], request.body[at] ^ 1 << bit, *request.body[at + 1 :]])
        mutated = changed(request, body=body)
    else:
        mutated = changed(request, headers={where: another(request.headers[where], data)})
    # The access key id and the session token choose the secret and the session; the door compares them.
    try:
        same = credential(mutated)
        assume(same.access_key_id == found.access_key_id)
    except CallerError:
        return
    with pytest.raises(CallerError):
        verified(mutated)
