"""Credentials that lambdad gave out: what somebody can do who has seen requests of theirs, but not the secret."""

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from tests.acceptance.functions import Function
from tests.acceptance.server import Server
from tests.security.functions import SECRET
from tests.security.wire import SECONDS, client, signed

TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}
EVERYTHING = "arn:aws:iam::aws:policy/AdministratorAccess"
QUERY = botocore.auth.SigV4QueryAuth


@pytest.fixture(scope="module")
def ann(server: Server) -> Iterator[dict[str, str]]:
    """An access key of a user who may do everything: what is refused is refused for its signature."""
    iam = server.client("iam")
    iam.create_user(UserName="ann")
    iam.attach_user_policy(UserName="ann", PolicyArn=EVERYTHING)
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    yield key
    iam.delete_access_key(UserName="ann", AccessKeyId=key["AccessKeyId"])
    iam.detach_user_policy(UserName="ann", PolicyArn=EVERYTHING)
    iam.delete_user(UserName="ann")


@pytest.fixture(scope="module")
def sessions(server: Server) -> Iterator[list[dict[str, str]]]:
    """Two sessions of one role, which allows everything."""
    iam, sts = server.client("iam"), server.client("sts")
    arn = iam.create_role(RoleName="shared", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.attach_role_policy(RoleName="shared", PolicyArn=EVERYTHING)
    yield [sts.assume_role(RoleArn=arn, RoleSessionName=name)["Credentials"] for name in ("one", "two")]
    iam.detach_role_policy(RoleName="shared", PolicyArn=EVERYTHING)
    iam.delete_role(RoleName="shared")


def sent(server: Server, request: AWSRequest, headers: Mapping[str, str] | None = None) -> tuple[int, bytes]:
    """Status and body. The bytes that were signed, with these headers instead of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=SECONDS)
    where = urlsplit(request.url)
    path = f"{where.path}?{where.query}" if where.query else where.path
    connection.request(request.method, path, request.data, {**request.headers, **(headers or {})})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def invoke(server: Server, function: Function, credentials: Mapping[str, str], **options: Any) -> AWSRequest:
    url = f"{server.url}/2015-03-31/functions/{function.name}/invocations?Qualifier=%24LATEST"
    headers = {"Content-Type": "application/json", "X-Amz-Invocation-Type": "RequestResponse"} | options.pop("headers", {})
    return signed(url, credentials, headers=headers, **{"body": b'{"a":1}', **options})


def get(server: Server, function: Function, credentials: Mapping[str, str], **options: Any) -> AWSRequest:
    """A presigned GetFunctionConfiguration."""
    url = f"{server.url}/2015-03-31/functions/{function.name}/configuration?Qualifier=%24LATEST"
    return signed(url, credentials, method="GET", signer=QUERY, expires=60, **options)


def at(moment: timedelta) -> Any:
    """botocore signs as if it were then."""
    then = datetime.now(UTC).replace(tzinfo=None) + moment
    return mock.patch.object(botocore.auth, "get_current_datetime", lambda: then)


def tampered(old: str, new: str) -> Callable[[AWSRequest], Any]:
    def tamper(request: AWSRequest) -> None:
        assert old in request.url
        request.url = request.url.replace(old, new)

    return tamper


def header(name: str, old: str, new: str) -> Callable[[AWSRequest], Any]:
    def tamper(request: AWSRequest) -> None:
        value = request.headers.get(name, "")
        assert old in value
        del request.headers[name]
        request.headers[name] = value.replace(old, new) if old else new

    return tamper


def payload(request: AWSRequest) -> None:
    request.data = b'{"a":2}'


def method(request: AWSRequest) -> None:
    request.method = "PUT"


TODAY = datetime.now(UTC).strftime("%Y%m%d")
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y%m%d")
TAMPERED = {
    "method": method,
    "path": tampered("/invocations", "/invocations/"),
    "path with a dot": tampered("/functions/", "/functions/%2e/"),
    "function": tampered("/functions/f-", "/functions/arn:aws:lambda:us-east-1:000000000000:function:f-"),
    "query": tampered("%24LATEST", "1"),
    "more query": tampered("?", "?Qualifier=1&"),
    "no query": tampered("?Qualifier=%24LATEST", ""),
    "body": payload,
    "signed header": header("X-Amz-Invocation-Type", "RequestResponse", "Event"),
    "content type": header("Content-Type", "json", "xml"),
    "another amazon header": header("X-Amz-Log-Type", "", "Tail"),
    "client context": header("X-Amz-Client-Context", "", "e30="),
    "security token": header("X-Amz-Security-Token", "", "x"),
    "payload hash": header("X-Amz-Content-SHA256", "", "UNSIGNED-PAYLOAD"),
    "date": header("X-Amz-Date", TODAY, YESTERDAY),
    "date of the scope": header("Authorization", f"/{TODAY}/", f"/{YESTERDAY}/"),
    "region": header("Authorization", "us-east-1", "eu-west-1"),
    "service": header("Authorization", "/lambda/", "/sqs/"),
    "service of objects": header("Authorization", "/lambda/", "/s3/"),
    "no headers signed": header("Authorization", "content-type;host;x-amz-date;x-amz-invocation-type", "host"),
    "host not signed": header("Authorization", "content-type;host;", "content-type;"),
    "signature": header("Authorization", "Signature=", "Signature=0"),
    "no signature": header("Authorization", "Signature=", "Signature=,X="),
    "algorithm": header("Authorization", "AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"),
    "host": header("Host", "", "localhost"),
}


def refused(answer: tuple[int, bytes]) -> None:
    status, body = answer
    assert status in (400, 403, 404, 501), answer
    assert SECRET.encode() not in body and b"FunctionArn" not in body


def test_a_users_request_is_run(server: Server, victim: Function, ann: dict[str, str]) -> None:
    """What the attacks below begin with."""
    status, body = sent(server, invoke(server, victim, ann))
    assert (status, SECRET.encode() in body) == (200, True)
    assert sent(server, get(server, victim, ann))[0] == 200


@pytest.mark.parametrize("what", TAMPERED)
def test_a_request_that_was_tampered_with(server: Server, victim: Function, ann: dict[str, str], what: str) -> None:
    request = invoke(server, victim, ann)
    TAMPERED[what](request)
    refused(sent(server, request))


@pytest.mark.parametrize("minutes", [-6, 6, -60 * 24, 60 * 24])
def test_a_request_out_of_time(server: Server, victim: Function, ann: dict[str, str], minutes: int) -> None:
    """Replayed, or made ahead: five minutes are what AWS's services allow, but S3."""
    with at(timedelta(minutes=minutes)):
        request = invoke(server, victim, ann)
    refused(sent(server, request))


@pytest.mark.parametrize("service", ["sqs", "iam", "s3", "s3express", "sts", "execute-api", "LAMBDA"])
def test_a_signature_for_another_service(server: Server, victim: Function, ann: dict[str, str], service: str) -> None:
    signer = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    refused(sent(server, invoke(server, victim, ann, service=service, signer=signer)))
    unsigned = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    refused(sent(server, invoke(server, victim, ann, service=service, headers=unsigned)))
    refused(sent(server, get(server, victim, ann, service=service)))


@pytest.mark.parametrize(
    "word", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"]
)
def test_a_payload_that_is_not_signed(server: Server, victim: Function, ann: dict[str, str], word: str) -> None:
    request = invoke(server, victim, ann, headers={"X-Amz-Content-SHA256": word})
    refused(sent(server, request))
    payload(request)
    refused(sent(server, request))


@pytest.mark.parametrize(
    "tamper",
    [
        tampered("X-Amz-Expires=60", "X-Amz-Expires=604800"),
        tampered("Qualifier=%24LATEST", "Qualifier=1"),
        tampered("?", "?Marker=x&"),
        tampered("?", "?X-Amz-Expires=604800&"),
        tampered("/configuration", ""),
        tampered("X-Amz-SignedHeaders=host", "X-Amz-SignedHeaders=x"),
        tampered("us-east-1", "eu-west-1"),
        method,
        header("X-Amz-Content-SHA256", "", "UNSIGNED-PAYLOAD"),
    ],
)
def test_a_link_that_was_tampered_with(server: Server, victim: Function, ann: dict[str, str], tamper: Any) -> None:
    request = get(server, victim, ann)
    tamper(request)
    refused(sent(server, request))


@pytest.mark.parametrize("seconds", [-61, 301])
def test_a_link_out_of_time(server: Server, victim: Function, ann: dict[str, str], seconds: int) -> None:
    with at(timedelta(seconds=seconds)):
        request = get(server, victim, ann)
    refused(sent(server, request))


def test_sessions_can_not_be_mixed(server: Server, victim: Function, ann: dict[str, str], sessions: list[Any]) -> None:
    one, two = sessions
    assert sent(server, invoke(server, victim, one))[0] == 200
    swapped = {"AccessKeyId": one["AccessKeyId"], "SecretAccessKey": one["SecretAccessKey"]}
    halves = [
        swapped | {"SessionToken": two["SessionToken"]},
        two | {"AccessKeyId": one["AccessKeyId"]},
        one | {"SecretAccessKey": two["SecretAccessKey"]},
        swapped,
        ann | {"SessionToken": one["SessionToken"]},
        one | {"AccessKeyId": ann["AccessKeyId"], "SecretAccessKey": ann["SecretAccessKey"]},
        one | {"SessionToken": one["SessionToken"][:-8] + "AAAAAAAA"},
    ]
    for credentials in halves:
        refused(sent(server, invoke(server, victim, credentials)))
        refused(sent(server, get(server, victim, credentials)))
    request = invoke(server, victim, one)
    del request.headers["X-Amz-Security-Token"]
    refused(sent(server, request))


def test_a_key_that_is_switched_off(server: Server, victim: Function) -> None:
    iam = server.client("iam")
    iam.create_user(UserName="bob")
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    assert client(server.url, "sts", key).get_caller_identity()["Arn"].endswith(":user/bob")
    iam.update_access_key(UserName="bob", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client(server.url, "sts", key).get_caller_identity()
    refused(sent(server, invoke(server, victim, key)))
    iam.delete_access_key(UserName="bob", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="bob")


def test_links_to_code(server: Server, victim: Function) -> None:
    """Of another package, of longer life, of another account; a link is good for what it was given out for."""
    link = server.client("lambda").get_function(FunctionName=victim.name)["Code"]["Location"]
    where = urlsplit(link)

    def fetched(path: str, query: str) -> int:
        return sent(server, AWSRequest("GET", f"{server.url}{path}?{query}"))[0]

    assert fetched(where.path, where.query) == 200
    later = str(int(time.time()) + 10_000)
    parts = dict(part.split("=") for part in where.query.split("&"))
    for name, value in (("expires", later), ("account", "999999999999"), ("size", "1"), ("signature", "0" * 64)):
        assert fetched(where.path, "&".join(f"{key}={given}" for key, given in (parts | {name: value}).items())) == 403
    assert fetched(where.path[:-1] + ("0" if where.path[-1] != "0" else "1"), where.query) == 403
    assert fetched("/_lambdad/code/../../../etc/passwd", where.query) == 403
