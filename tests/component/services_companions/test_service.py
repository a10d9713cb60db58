"""The shell, against a stand-in for moto's process."""

import asyncio
import json
import logging
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.domain.errors import AccessDenied, NotImplementedOperation
from lambdad.iam.access import Access
from lambdad.iam.arns import root_arn
from lambdad.iam.directory import Directory
from lambdad.services.companions import connection
from lambdad.services.companions.backends import Backends, folder
from lambdad.services.companions.connection import CompanionFailed
from lambdad.services.companions.service import Companions, companions
from lambdad.testing.substrate import MemorySubstrate
from lambdad.wire.match import Operations
from lambdad.wire.messages import Request, Response
from lambdad.wire.models import Models

pytestmark = pytest.mark.real_time

CALLER = Caller("111122223333", "eu-west-1", "request-1", "AKIA", "arn:aws:iam::111122223333:user/u")
FAKE = [sys.executable, str(Path(__file__).parent / "fake.py")]
MODEL = Models().load("s3")
OPERATIONS = Operations(MODEL)


def shell(directory: Path, command: list[str] = FAKE, **settings: Any) -> Companions:
    """With a moto that has S3 and nothing else."""
    urls = directory / "moto" / "s3" / "urls.py"
    urls.parent.mkdir(parents=True, exist_ok=True)
    urls.touch()
    return Companions(directory / "companions", command, Backends(directory / "moto"), installed=True, **settings)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Companions]:
    found = shell(tmp_path)
    yield found
    await found.close()


async def ask(found: Companions, key: str = "key", method: str = "GET", body: bytes = b"") -> Response:
    request = Request(method, f"/bucket/{key}", "", {}, body)
    match = OPERATIONS.find(request)
    assert match is not None
    return await found.forward(CALLER, MODEL, match.operation.name, match, request)


async def said(found: Companions, **request: Any) -> Any:
    response = await ask(found, **request)
    assert isinstance(response.body, bytes)
    return json.loads(response.body)


async def test_nothing_runs_until_it_is_asked(running: Companions, tmp_path: Path) -> None:
    assert running.introspect() == {"available": True, "pid": None, "requests": {}}
    assert not (tmp_path / "companions").exists()
    answer = await said(running)
    assert answer["headers"]["x-moto-account-id"] == "111122223333"
    assert running.introspect() == {"available": True, "pid": answer["pid"], "requests": {"s3": 1}}


async def test_nobody_else_can_open_its_socket(running: Companions, tmp_path: Path) -> None:
    await ask(running)
    assert stat.S_IMODE((tmp_path / "companions").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "companions" / "socket").stat().st_mode) == 0o600


async def test_a_directory_with_a_long_name(tmp_path: Path) -> None:
    found = shell(tmp_path / ("long" * 40))
    assert (await ask(found)).status == 200
    await found.close()


async def test_the_answer_carries_lambdads_request_id(running: Companions) -> None:
    headers = (await ask(running)).headers
    assert [value for name, value in headers if name.lower().endswith("requestid") or "request-id" in name] == ["request-1"]


async def test_bodies_large_and_in_pieces(running: Companions) -> None:
    assert (await said(running, method="PUT", body=b"x" * 20_000_000))["size"] == 20_000_000
    assert (await ask(running, "size/20000000")).body == b"x" * 20_000_000
    assert (await ask(running, "slow")).body == b"abc"
    response = await ask(running, "size/1000", method="HEAD")
    assert (response.body, dict(response.headers)["Content-Length"]) == (b"", "1000")


async def test_an_answer_that_is_too_large(running: Companions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "LARGEST", 1000)
    assert (await ask(running, "size/1000")).status == 200
    with pytest.raises(CompanionFailed, match="in ranges"):
        await ask(running, "size/1001")


async def test_many_at_a_time_wait_for_each_other(tmp_path: Path) -> None:
    found = shell(tmp_path, connections=2)
    answers = await asyncio.gather(*(said(found) for _ in range(20)))
    assert len({answer["pid"] for answer in answers}) == 1
    await found.close()


async def test_it_dies_and_comes_back(running: Companions, caplog: pytest.LogCaptureFixture) -> None:
    first = (await said(running))["pid"]
    with caplog.at_level(logging.WARNING), pytest.raises(CompanionFailed, match="ended before it answered"):
        await ask(running, "die")
    assert (await said(running))["pid"] != first
    assert "ended (exit code 3); what DynamoDB, S3" in caplog.text


async def test_who_waits_hears_of_its_death(running: Companions) -> None:
    answers = await asyncio.gather(*(ask(running, key) for key in ("hang", "hang", "hang", "die")), return_exceptions=True)
    assert {type(each) for each in answers} == {CompanionFailed}


@pytest.mark.parametrize("key", ["nonsense", "cut"])
async def test_half_an_answer_is_none(running: Companions, key: str) -> None:
    with pytest.raises(CompanionFailed):
        await ask(running, key)
    assert (await ask(running)).status == 200


async def test_it_hangs(tmp_path: Path) -> None:
    found = shell(tmp_path, patience=0.01)
    with pytest.raises(CompanionFailed, match=r"GetObject of s3 was not answered within 0\.01 seconds"):
        await ask(found, "hang")
    await found.close()


@pytest.mark.parametrize("command", [[sys.executable, "-c", "raise SystemExit('no')"], ["/nowhere/at/all"]])
async def test_it_does_not_start(tmp_path: Path, command: list[str]) -> None:
    found = shell(tmp_path, command)
    with pytest.raises(CompanionFailed):
        await ask(found)
    await found.close()


async def test_what_moto_has_not_or_fails_at(running: Companions) -> None:
    with pytest.raises(NotImplementedOperation, match="GetObject of s3"):
        await ask(running, "status/501")
    with pytest.raises(CompanionFailed, match="log has the details"):
        await ask(running, "status/502")


async def test_its_end_leaves_nothing(tmp_path: Path) -> None:
    found = shell(tmp_path)
    pid = (await said(found))["pid"]
    await found.close()
    assert not Path(f"/proc/{pid}").exists()
    assert list((tmp_path / "companions").iterdir()) == []
    with pytest.raises(CompanionFailed, match="stopping"):
        await ask(found)


@pytest.mark.skipif(folder() is None, reason="moto is not installed: pip install 'lambdad[companions]'")
async def test_which_services_there_are(tmp_path: Path) -> None:
    found = companions(tmp_path, FAKE, folder, wanted=True)
    asked = ("dynamodb", "s3", "cognito-idp", "lambda", "sqs", "braket", "instance-metadata")
    assert {each for each in asked if found.serves(each)} == {"dynamodb", "s3", "cognito-idp"}
    assert found.remark == ""
    missing = companions(tmp_path, FAKE, lambda: None, wanted=True)
    assert (missing.serves("dynamodb"), "pip install 'lambdad[companions]'" in missing.remark) == (False, True)
    off = companions(tmp_path, FAKE, folder, wanted=False)
    assert (off.serves("dynamodb"), "--no-companions" in off.remark) == (False, True)


async def test_nothing_reaches_across_accounts(tmp_path: Path) -> None:
    found, access = shell(tmp_path), Access(Directory(MemorySubstrate().key_values), lambda: 0.0)
    root = replace(CALLER, principal_arn=root_arn(CALLER.account))
    topic = "arn:aws:sns:eu-west-1:{}:t"
    (need,) = found.needs("sns", "Publish", root, {"TopicArn": topic.format(CALLER.account)})
    access.require(root, need)
    (need,) = found.needs("sns", "Publish", root, {"TopicArn": topic.format("999999999999")})
    with pytest.raises(AccessDenied, match="no resource-based policy allows the sns:Publish action"):
        access.require(root, need)
