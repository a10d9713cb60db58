"""The canonical request of Signature Version 4: one text for all the ways in which the same request can be written.

    METHOD / path / query / header lines / (empty) / names of the signed headers / hash of the payload, one line each

A `Request` holds the bytes of the wire as Latin-1, so bytes are what is signed here, whatever they mean.
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html and, where S3 differs,
https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote_from_bytes, unquote_to_bytes

# What needs no encoding; in a path also no normalisation, since no segment is empty or begins with a dot.
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")
_PLAIN_PATH = re.compile(r"(?:/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)*/?")
_BLANKS = re.compile(r"[ \t]+")


def canonical_request(
    method: str, path: str, query: str, headers: Mapping[str, str], names: Sequence[str], payload: str
) -> bytes | None:
    """`path` and `query` are canonical already; `names` are those of the signed headers, in their order.

    None where a signed header was not sent, or where a value has a line break, which could pass for another header.
    Raises UnicodeEncodeError for what no HTTP request can carry.
    """
    lines = ""
    for name in names:
        value = headers.get(name)
        if value is None:
            return None
        if "  " in value or "\t" in value:
            value = _BLANKS.sub(" ", value)
        lines += f"{name}:{value.strip(' ')}\n"
    text = f"{method}\n{path}\n{query}\n{lines}\n{';'.join(names)}\n{payload}"
    if text.count("\n") != len(names) + 5:
        return None
    return text.encode("latin-1")


def canonical_path(path: str) -> str:
    """For every service but S3: `//`, `.` and `..` are resolved, and what is percent-encoded already is encoded once more."""
    if path and _PLAIN_PATH.fullmatch(path):
        return path
    return quote_from_bytes(_normalised(path).encode("latin-1"), safe="/")


def canonical_key(path: str) -> str:
    """For S3, whose keys may have empty segments and dots: each byte encoded once, however it was sent, but `%2F` is no `/`."""
    if path and _PLAIN_PATH.fullmatch(path):
        return path
    return "/".join(quote_from_bytes(unquote_to_bytes(part), safe="") for part in path.encode("latin-1").split(b"/")) or "/"


def _normalised(path: str) -> str:
    """RFC 3986, 5.2.4, and without empty segments."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if segments:
                segments.pop()
        elif segment not in ("", "."):
            segments.append(segment)
    end = "/" if segments and path.endswith("/") else ""
    return f"/{'/'.join(segments)}{end}"


def canonical_query(query: str, presigned: bool) -> str:
    """Sorted by encoded name, then by encoded value. The signature of a presigned request does not sign itself.

    A plus sign is a blank, as it is for who reads the parameters (`Request.query_pairs`).
    """
    if not query:
        return ""
    pairs = []
    for piece in query.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            pairs.append((_encoded(name), _encoded(value)))
    pairs.sort()
    return "&".join(f"{name}={value}" for name, value in pairs if not (presigned and name == "X-Amz-Signature"))


def _encoded(text: str) -> str:
    if _UNRESERVED.fullmatch(text):
        return text
    return quote_from_bytes(unquote_to_bytes(text.replace("+", " ").encode("latin-1")), safe="")
