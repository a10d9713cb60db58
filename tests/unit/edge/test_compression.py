import gzip

import pytest

from lambdad.domain import limits
from lambdad.domain.errors import CallerError
from lambdad.edge.compression import uncompressed
from lambdad.wire.messages import Request


def compressed(body: bytes) -> Request:
    return Request("POST", "/", "", {"content-encoding": "gzip", "host": "localhost"}, body)


def test_a_body_is_unpacked() -> None:
    found = uncompressed(compressed(gzip.compress(b"hello")))
    assert (found.body, found.headers) == (b"hello", {"host": "localhost"})
    plain = Request("POST", "/", "", {}, b"hello")
    assert uncompressed(plain) is plain


def test_what_is_no_gzip() -> None:
    with pytest.raises(CallerError, match="not in gzip's format"):
        uncompressed(compressed(b"hello"))


def test_what_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REQUEST_BODY", 1000)
    assert len(uncompressed(compressed(gzip.compress(b"x" * 1000))).body) == 1000
    with pytest.raises(CallerError, match="when it is unpacked"):
        uncompressed(compressed(gzip.compress(b"x" * 100_000)))
