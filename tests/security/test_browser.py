"""A web page of another site, or under a name that was bound to the address of lambdad: it can neither do nor read anything."""

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.acceptance.functions import Maker
from tests.acceptance.server import Server
from tests.security.browser import EVIL, attacked, opened

COUNTER = """
count = 0
def handler(event, context):
    global count
    count += 1
    return count
"""
NAME = "counter-that-no-page-may-see"
ZEROS = "0" * 64


@pytest.fixture
def profile(tmp_path: Path) -> Path:
    return tmp_path / "profile"


def created(server: Server) -> list[str]:
    users = [user["UserName"] for user in server.client("iam").list_users()["Users"]]
    return [*users, *server.client("sqs").list_queues().get("QueueUrls", [])]


def test_a_page_can_neither_do_nor_read_anything(server: Server, make: Maker, profile: Path) -> None:
    function = make.python_function(COUNTER, FunctionName=NAME)
    assert function.invoke() == 1
    before = created(server)
    path = f"/2015-03-31/functions/{NAME}/invocations"
    told, seen = attacked(profile, server.port, invoke=path, name=NAME, signature=ZEROS)
    assert function.invoke() == 2, "nobody else has called it"
    assert created(server) == before

    free = [text for attempt, text in told.items() if f":{server.port}" not in attempt]
    assert free.count("anybody") > 10, told
    assert len(seen) > 25, "these attempts do leave the browser"
    for attempt, text in told.items():
        kind, base = attempt.split()
        if f":{server.port}" not in base:
            continue
        if EVIL in base:  # its own origin, so far as the browser knows
            assert NAME not in text and "environment" not in text, attempt
            assert not kind.startswith(("fetch-state", "fetch-list", "xhr")) or "does not serve the host name" in text, attempt
        else:
            nothing = ("", "error", "load", "true", "TypeError", "SecurityError", "unreadable", "nothing", "no answer")
            assert text in nothing, (attempt, text)


def test_a_link_in_a_message_does_nothing(server: Server, profile: Path) -> None:
    """Opened like an address that was typed, so it is no page that asks; lambdad's own reports are for who asks that way."""
    scope = quote("000000000000/20260101/us-east-1/iam/aws4_request", safe="")
    signed = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={scope}&X-Amz-Date=20260101T000000Z"
        f"&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature={ZEROS}"
    )
    before = created(server)
    shown = opened(profile, f"{server.url}/?Action=CreateUser&Version=2010-05-08&UserName=clicked&{signed}")
    assert "does not do what links say" in shown
    assert created(server) == before
    assert "ready" in opened(profile, f"{server.url}/_lambdad/health")
