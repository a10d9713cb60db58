"""Who is let in: Host headers, web pages, credentials, links."""

import re

import pytest

from lambdad.domain.caller import Caller
from lambdad.domain.errors import AccessDenied
from lambdad.domain.functions import Code
from lambdad.edge.authenticate import AnyCredentials
from lambdad.edge.downloads import CodeLinks
from lambdad.edge.hosts import Hosts, from_foreign_page
from lambdad.edge.service import RandomIds
from lambdad.wire.messages import Request
from lambdad.wire.signature import Credential


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:4566",
        "127.0.0.1:4566",
        "127.8.9.1",
        "[::1]:4566",
        "[::1]",
        "bucket.s3.localhost:4566",
        "lambda.eu-west-1.amazonaws.com",
        "abc.lambda-url.eu-west-1.on.aws",
        "extra.example",
    ],
)
def test_hosts_that_are_served(host: str) -> None:
    hosts = Hosts(extra=["Extra.example"])
    assert hosts.allows(host)
    assert hosts.allows(host)


@pytest.mark.parametrize(
    "host",
    [
        "example.com",
        "example.com:4566",
        "localhost.example.com",
        "127.0.0.1.example.com",
        "localhost.localstack.cloud",
        "192.168.0.1",
        "0.0.0.0",
        "evilamazonaws.com",
        "",
        "localhost@example.com",
    ],
)
def test_hosts_that_are_not(host: str) -> None:
    assert not Hosts().allows(host)
    assert Hosts(loopback=False).allows(host)


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({}, False),
        ({"host": "localhost:1", "origin": "http://localhost:1", "sec-fetch-site": "same-origin"}, False),
        ({"host": "localhost:1", "origin": "http://evil.example"}, True),
        ({"host": "localhost:1", "origin": "http://localhost:2"}, True),
        ({"host": "localhost:1", "origin": "null"}, True),
        ({"host": "localhost:1", "sec-fetch-site": "cross-site"}, True),
        ({"host": "localhost:1", "sec-fetch-site": "none"}, False),
    ],
)
def test_pages_of_other_sites(headers: dict[str, str], foreign: bool) -> None:
    assert from_foreign_page(headers) is foreign


@pytest.mark.parametrize(
    ("key", "account"), [("123456789012", "123456789012"), ("AKIA", "000000000000"), ("١٢٣٤٥٦٧٨٩٠١٢", "000000000000")]
)
def test_any_credentials(key: str, account: str) -> None:
    credential = Credential(key, "20261121", "eu-west-1", "lambda", (), "")
    headers = {"host": "localhost", "x-amzn-trace-id": "Root=1"}
    caller = AnyCredentials().authenticate(Request("GET", "/", "", headers), credential, "id")
    assert caller == Caller(account, "eu-west-1", "id", key, f"arn:aws:iam::{account}:root", "localhost", "Root=1")


class Clock:
    now = 1000.0


def test_links_to_code_last_ten_minutes() -> None:
    clock = Clock()
    links = CodeLinks(b"secret", lambda: "http://localhost:4566/", lambda: clock.now)
    caller = Caller("000000000000", "eu-west-1", "id", "k", "arn")
    url = links.location(Code("d" * 64, 10), caller)
    assert url.startswith(f"http://localhost:4566/_lambdad/code/{'d' * 64}?")
    path, _, query = url.removeprefix("http://localhost:4566").partition("?")
    assert links.verified(Request("GET", path, query, {})) == Code("d" * 64, 10)
    for bad in (query.replace("size=10", "size=11"), query.replace("expires=1", "expires=2"), "", query[:-1], query + "é"):
        with pytest.raises(AccessDenied):
            links.verified(Request("GET", path, bad, {}))
    with pytest.raises(AccessDenied):
        links.verified(Request("GET", path[:-1] + "e", query, {}))
    clock.now += 601
    with pytest.raises(AccessDenied, match="expired"):
        links.verified(Request("GET", path, query, {}))


def test_request_ids_are_uuids() -> None:
    new_id = RandomIds()
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", each) for each in ids)
