"""Bytes as attackers send them, and requests that are signed by hand."""

import re
import socket
from collections.abc import Mapping
from typing import Any

import boto3
import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

SECONDS = 20.0
"""Until a test gives up on an answer."""

START = "POST TARGET HTTP/1.1\r\nHEADERS"
CHUNKED = START + "Transfer-Encoding: chunked\r\n\r\n"
HEX = "SIZE\r\nBODY\r\n0\r\n\r\n"

AMBIGUOUS = {
    "CL and TE": START + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE and CL": START + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "CL and a TE that is unknown": START + "Content-Length: LENGTH\r\nTransfer-Encoding: xchunked\r\n\r\nBODY",
    "CL and an empty TE": START + "Content-Length: LENGTH\r\nTransfer-Encoding:\r\n\r\nBODY",
    "two CL that differ": START + "Content-Length: 0\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "two CL that agree": START + "Content-Length: LENGTH\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "a list of CL": START + "Content-Length: LENGTH, LENGTH\r\n\r\nBODY",
    "a CL with a sign": START + "Content-Length: +LENGTH\r\n\r\nBODY",
    "a negative CL": START + "Content-Length: -1\r\n\r\nBODY",
    "a CL in hex": START + "Content-Length: 0xff\r\n\r\nBODY",
    "a CL beyond 64 bits": START + "Content-Length: 18446744073709551616\r\n\r\nBODY",
    "a CL of many zeros": START + "Content-Length: " + "0" * 5000 + "LENGTH\r\n\r\nBODY",
    "xchunked": START + "Transfer-Encoding: xchunked\r\n\r\n" + HEX,
    "gzip, chunked": START + "Transfer-Encoding: gzip, chunked\r\n\r\n" + HEX,
    "chunked, identity": START + "Transfer-Encoding: chunked, identity\r\n\r\n" + HEX,
    "identity and chunked": START + "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n" + HEX,
    "chunked twice": START + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + HEX,
    "chunked with a parameter": START + "Transfer-Encoding: chunked;q=1\r\n\r\n" + HEX,
    "chunked behind a vertical tab": START + "Transfer-Encoding: \x0bchunked\r\n\r\n" + HEX,
    "chunked in HTTP/1.0": "POST TARGET HTTP/1.0\r\nHEADERSTransfer-Encoding: chunked\r\n\r\n" + HEX,
    "a folded TE": START + "Transfer-Encoding:\r\n chunked\r\n\r\n" + HEX,
    "a folded header": START + "X: a\r\n b\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "a fold in the first header": "POST TARGET HTTP/1.1\r\n X: a\r\nHEADERSContent-Length: LENGTH\r\n\r\nBODY",
    "a blank before the colon": START + "Content-Length : LENGTH\r\n\r\nBODY",
    "a tab before the colon": START + "Transfer-Encoding\t: chunked\r\n\r\n" + HEX,
    "a header without a colon": START + "Nonsense\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "a header without a name": START + ": x\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "LF after the request line": "POST TARGET HTTP/1.1\nHEADERSContent-Length: LENGTH\r\n\r\nBODY",
    "LF after a header": START + "X: a\nContent-Length: LENGTH\r\n\r\nBODY",
    "LF LF at the end": START + "Content-Length: LENGTH\n\nBODY",
    "CR in a header": START + "X: a\rContent-Length: LENGTH\r\n\r\nBODY",
    "CR in a name": START + "X\rY: a\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "NUL in a header": START + "X: a\0b\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "NUL in a name": START + "X\0: a\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "NUL in the target": "POST TARGET\0 HTTP/1.1\r\nHEADERSContent-Length: LENGTH\r\n\r\nBODY",
    "a chunk longer than its size": CHUNKED + "1\r\nBODY\r\n0\r\n\r\n",
    "a chunk of negative size": CHUNKED + "-SIZE\r\nBODY\r\n0\r\n\r\n",
    "a chunk of 2**64 and some": CHUNKED + "100000000000000SIZE\r\nBODY\r\n0\r\n\r\n",
    "a chunk of 2**64 - 1": CHUNKED + "FFFFFFFFFFFFFFFF\r\nBODY\r\n0\r\n\r\n",
    "a chunk size with 0x": CHUNKED + "0xSIZE\r\nBODY\r\n0\r\n\r\n",
    "a chunk size behind a blank": CHUNKED + " SIZE\r\nBODY\r\n0\r\n\r\n",
    "a chunk without a size": CHUNKED + "\r\nBODY\r\n0\r\n\r\n",
    "LF after a chunk's size": CHUNKED + "SIZE\nBODY\r\n0\r\n\r\n",
    "LF after a chunk": CHUNKED + "SIZE\r\nBODY\n0\r\n\r\n",
    "LF in a chunk's extension": CHUNKED + "SIZE;a=\nb\r\nBODY\r\n0\r\n\r\n",
    "CR in a chunk's extension": CHUNKED + "SIZE;a=\rb\r\nBODY\r\n0\r\n\r\n",
    "NUL in a chunk's extension": CHUNKED + "SIZE;a=\0\r\nBODY\r\n0\r\n\r\n",
    "LF behind the last chunk": CHUNKED + "SIZE\r\nBODY\r\n0\n\n",
    "a trailer that is broken": CHUNKED + "SIZE\r\nBODY\r\n0\r\nX : a\r\n\r\n",
    "HTTP/0.9": "POST TARGET\r\n",
    "HTTP/2.0": "POST TARGET HTTP/2.0\r\nHEADERSContent-Length: LENGTH\r\n\r\nBODY",
    "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}
"""What no server may make sense of; `filled` puts in what it is to do if one does."""

OF_THE_EDGE = {
    "two hosts": START + "Host: evil.example\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "no host": "POST TARGET HTTP/1.1\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "two authorizations": START + "Authorization: AWS4-HMAC-SHA256\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "a target of another host": "POST http://evil.exampleTARGET HTTP/1.1\r\nHEADERSContent-Length: LENGTH\r\n\r\nBODY",
    "a target with a user": "POST http://x@HOSTTARGET HTTP/1.1\r\nHEADERSContent-Length: LENGTH\r\n\r\nBODY",
    "a target of another scheme": "POST ftp://HOSTTARGET HTTP/1.1\r\nHEADERSContent-Length: LENGTH\r\n\r\nBODY",
    "a target with a fragment": "POST TARGET#x HTTP/1.1\r\nHEADERSContent-Length: LENGTH\r\n\r\nBODY",
    "a tunnel": "CONNECT HOST HTTP/1.1\r\nHEADERS\r\n",
    "an upgrade with a body": START + "Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: LENGTH\r\n\r\nBODY",
    "an upgrade in chunks": START + "Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n\r\n" + HEX,
    "a length among the trailers": CHUNKED + "SIZE\r\nBODY\r\n0\r\nContent-Length: 100\r\n\r\n",
    "a coding among the trailers": CHUNKED + "SIZE\r\nBODY\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n",
}


def filled(attack: str, *, target: str, headers: str, host: str, body: str) -> bytes:
    text = attack.replace("TARGET", target).replace("HEADERS", headers).replace("HOST", host)
    size = str(len(body))
    return text.replace("LENGTH", size).replace("SIZE", f"{len(body):x}").replace("BODY", body).encode("latin-1")


def plain(*, target: str, headers: str, body: str) -> bytes:
    """A request with nothing wrong with it."""
    return filled(START + "Content-Length: LENGTH\r\n\r\nBODY", target=target, headers=headers, host="", body=body)


def exchange(port: int, data: bytes, *, end: bool = True) -> bytes:
    """What a server answers until it closes; empty where it only hangs up. `end`: it is told that no more will come."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as one:
        try:
            one.sendall(data)
            if end:
                one.shutdown(socket.SHUT_WR)
            while piece := one.recv(65536):
                answer += piece
        except ConnectionError:
            pass  # hung up on while sending, or with bytes unread
    return answer


def statuses(answer: bytes) -> list[int]:
    """Of all answers in it; one follows the body of another without a break."""
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def signed(
    url: str,
    credentials: Mapping[str, str],
    *,
    method: str = "POST",
    service: str = "lambda",
    region: str = "us-east-1",
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    signer: Any = botocore.auth.SigV4Auth,
    **options: Any,
) -> AWSRequest:
    """`credentials` as IAM and STS give them out."""
    request = AWSRequest(method, url, dict(headers or {}), body)
    keys = Credentials(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials.get("SessionToken"))
    signer(keys, service, region, **options).add_auth(request)
    return request


def client(url: str, service: str, credentials: Mapping[str, str]) -> Any:
    session = boto3.Session(
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials.get("SessionToken"), region_name="us-east-1"
    )
    return session.client(service, endpoint_url=url)
