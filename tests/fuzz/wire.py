"""Requests of every protocol: read, or refused with an error of AWS. Events of streams, signatures and signed chunks as well.

PROTOCOL (1 byte)  METHOD TARGET LF  NAME: VALUE LF …  LF  BODY
"""

from functools import cache

from lambdad.domain.errors import LambdadError
from lambdad.wire.chunks import decoded, is_chunked
from lambdad.wire.eventstream import Decoder, MalformedFrame, Message, encode
from lambdad.wire.match import Operations
from lambdad.wire.messages import Request
from lambdad.wire.models import Models
from lambdad.wire.parse import parse
from lambdad.wire.signature import credential
from lambdad.wire.sigv4 import SigningKeys, Verified, verify
from lambdad.wire.validate import validate

_SERVICES = ("lambda", "logs", "sqs", "iam", "sts", "s3")
_SCOPE = "Credential=AKID/20261121/eu-west-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
_SIGNED = f"Host: localhost\nX-Amz-Date: 20261121T100000Z\nAuthorization: AWS4-HMAC-SHA256 {_SCOPE}\n"
_LINK = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKID%2F20261121%2Feu-west-1%2Flambda%2Faws4_request&X-Amz-Expires=60"
_CREATE = (
    '{"FunctionName":"f","Runtime":"python3.13","Role":"arn:aws:iam::000000000000:role/r","Handler":"a.b","Code":{"ZipFile":"UEsF"},'
    '"Timeout":3,"Environment":{"Variables":{"A":"b"}},"Layers":["x"],"Publish":true,"Tags":{"k":"v"},"EphemeralStorage":{"Size":512}}'
)
_DELETE = (
    '<?xml version="1.0"?><Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>a&amp;b</Key></Object>'
    "<Object><Key>c</Key><VersionId>1</VersionId></Object><Quiet>true</Quiet></Delete>"
)
_SEND = "Action=SendMessageBatch&QueueUrl=q&SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1."
SEEDS = [
    b"0POST /2015-03-31/functions\n" + _SIGNED.encode() + b"Content-Type: application/json\n\n" + _CREATE.encode(),
    b"0GET /2015-03-31/functions/f%3A1?Qualifier=1&Marker=x&" + _LINK.encode() + b"\nHost: localhost\n\n",
    b"0GET /2015-03-31/event-source-mappings/?MaxItems=10&EventSourceArn=a\n\n",
    b"1POST /\nX-Amz-Target: Logs_20140328.PutLogEvents\n\n"
    b'{"logGroupName":"g","logStreamName":"s","logEvents":[{"timestamp":1,"message":"m"}]}',
    b"1POST /\nX-Amz-Target: Logs_20140328.FilterLogEvents\n\n" + b'{"logGroupName":"g","startTime":1.0,"filterPattern":"x"}',
    b"2POST /\nX-Amz-Target: AmazonSQS.SendMessage\n\n"
    b'{"QueueUrl":"q","MessageBody":"b","MessageAttributes":{"a":{"DataType":"Binary","BinaryValue":"AA=="}},"DelaySeconds":1}',
    b"2POST /0/q\n\n" + _SEND.encode() + b"MessageBody=x&SendMessageBatchRequestEntry.1.MessageAttribute.1.Name=n",
    b"3POST /\n\nAction=CreateUser&UserName=u&Tags.member.1.Key=k&Tags.member.1.Value=v&Version=2010-05-08",
    b"4GET /?Action=AssumeRole&RoleArn=a&RoleSessionName=s&DurationSeconds=900&PolicyArns.member.1.arn=x\n\n",
    b"5POST /b?delete\nHost: localhost\n\n" + _DELETE.encode(),
    b"5PUT /b/a%20key?tagging&versionId=1\nx-amz-meta-a: b\nx-amz-date: 20261121T100000Z\nIf-None-Match: *\n\n"
    b"<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>",
    b"6" + encode(Message({":event-type": "A", "b": True, "n": 7}, b"payload")),
    b"7b;chunk-signature=" + b"0" * 64 + b"\r\nhello world\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n",
]

_NOW = 1_795_255_200.0
_WORDS = (
    "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
    "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
)


@cache
def _operations(service: str) -> Operations:
    return Operations(Models().load(service))


def _request(data: bytes) -> Request:
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    method, _, target = first.partition(" ")
    path, _, query = target.partition("?")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, path, query, headers, body)


def _signature(request: Request) -> None:
    try:
        found = credential(request)
        verify(request, found, "secret", _NOW, keys=SigningKeys())
    except LambdadError as error:
        assert error.status < 500
    else:
        raise AssertionError("nobody signed this")


def _events(data: bytes) -> None:
    whole = cut = None
    try:
        whole = Decoder().feed(data)
    except MalformedFrame:
        pass
    decoder, cut = Decoder(), []
    try:
        for place in range(0, len(data), 7):
            cut += decoder.feed(data[place : place + 7])
    except MalformedFrame:
        assert whole is None
    else:
        assert whole == cut


def _chunks(data: bytes) -> None:
    for word in _WORDS:
        headers = {"x-amz-decoded-content-length": "11", "x-amz-trailer": "x-amz-checksum-crc32"}
        verified = Verified(word, b"key", "20261121T100000Z", "scope", "0" * 64)
        assert is_chunked(verified)
        try:
            payload, _ = decoded(Request("PUT", "/b/k", "", headers, data), verified)
        except LambdadError as error:
            assert error.status < 500
        else:
            assert len(payload) == 11 and "UNSIGNED" in word


def check(data: bytes) -> None:
    """The first byte is the number of a service, or 6 for a stream of events, or 7 for chunks."""
    kind, rest = data[:1], data[1:]
    if kind == b"6":
        return _events(rest)
    if kind == b"7":
        return _chunks(rest)
    if not kind.isdigit() or int(kind) >= len(_SERVICES):
        return None
    request = _request(rest)
    operations = _operations(_SERVICES[int(kind)])
    _signature(request)
    try:
        found = operations.find(request)
        if found is not None:
            params = parse(request, found, operations.model)
            validate(params, found.operation, operations.model)
    except LambdadError as error:
        assert error.status < 500
