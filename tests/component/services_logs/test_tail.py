"""Live tails."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from lambdad.logs.api import LogEvent, StreamName

from .api import ACCOUNT, REGION, Api

ARN = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"


def write(api: Api, message: str, *, group: str = "g", stream: str = "s", count: int = 1) -> None:
    api.logs.write(StreamName(ACCOUNT, REGION, group, stream), [LogEvent(api.now.ms - 7, message)] * count)


async def tail(api: Api, *groups: str, **params: Any) -> AsyncIterator[dict[str, Any]]:
    answer = await api.call("StartLiveTail", logGroupIdentifiers=[ARN + group for group in groups], **params)
    stream: AsyncIterator[dict[str, Any]] = answer["responseStream"]
    return stream


async def messages(stream: AsyncIterator[dict[str, Any]]) -> list[str]:
    update = await anext(stream)
    return [result["message"] for result in update["sessionUpdate"]["sessionResults"]]


@pytest.fixture
async def g(api: Api) -> Api:
    for name in ("g", "h"):
        await api.call("CreateLogGroup", logGroupName=name)
    return api


async def test_a_session(g: Api) -> None:
    stream = await tail(g, "g", "h", logEventFilterPattern="ERROR")
    assert await anext(stream) == {
        "sessionStart": {
            "requestId": "request-1",
            "sessionId": "session-1",
            "logGroupIdentifiers": [f"{ARN}g", f"{ARN}h"],
            "logEventFilterPattern": "ERROR",
        }
    }
    write(g, "ERROR 1")
    write(g, "INFO")
    write(g, "ERROR 2", group="h")
    before = asyncio.get_running_loop().time()
    update = await anext(stream)
    assert asyncio.get_running_loop().time() == pytest.approx(before + 1)
    assert update == {
        "sessionUpdate": {
            "sessionMetadata": {"sampled": False},
            "sessionResults": [
                {
                    "logStreamName": "s",
                    "logGroupIdentifier": f"{ACCOUNT}:{group}",
                    "message": message,
                    "timestamp": g.now.ms - 7,
                    "ingestionTime": g.now.ms,
                }
                for group, message in (("g", "ERROR 1"), ("h", "ERROR 2"))
            ],
        }
    }
    assert await messages(stream) == []
    await stream.aclose()  # type: ignore[attr-defined]
    write(g, "ERROR unheard")


async def test_chosen_streams(g: Api) -> None:
    by_name = await tail(g, "g", logStreamNames=["a"])
    by_prefix = await tail(g, "g", logStreamNamePrefixes=["b", "c"])
    assert (await anext(by_name))["sessionStart"]["logStreamNames"] == ["a"]
    assert (await anext(by_prefix))["sessionStart"]["logStreamNamePrefixes"] == ["b", "c"]
    for stream in ("a", "ab", "b1", "c"):
        write(g, stream, stream=stream)
    assert await messages(by_name) == ["a"]
    assert await messages(by_prefix) == ["b1", "c"]
    await by_name.aclose()  # type: ignore[attr-defined]
    await by_prefix.aclose()  # type: ignore[attr-defined]


async def test_a_flood_is_sampled(g: Api) -> None:
    stream = await tail(g, "g")
    await anext(stream)
    for number in range(600):
        write(g, str(number))
    update = (await anext(stream))["sessionUpdate"]
    assert update["sessionMetadata"] == {"sampled": True}
    shown = [int(result["message"]) for result in update["sessionResults"]]
    assert len(shown) == 500
    assert shown == sorted(set(shown))
    assert shown[-1] > 590
    write(g, "x", count=20_000)
    assert len((await anext(stream))["sessionUpdate"]["sessionResults"]) == 500
    await stream.aclose()  # type: ignore[attr-defined]


async def test_a_session_ends_after_three_hours(g: Api) -> None:
    stream = await tail(g, "g")
    updates = 0
    async for event in stream:
        updates += "sessionUpdate" in event
    assert updates == 3 * 3600
    assert list(event) == ["SessionTimeoutException"]


async def test_refused(g: Api) -> None:
    async def code(*identifiers: str, **params: Any) -> str:
        return (await g.refuses("StartLiveTail", logGroupIdentifiers=list(identifiers), **params))[0]

    assert await code(f"{ARN}none") == "ResourceNotFoundException"
    assert await code(f"{ARN}g:*") == "InvalidParameterException"
    assert await code("g") == "InvalidParameterException"
    assert await code(f"{ARN}g", logEventFilterPattern="{") == "InvalidParameterException"
    assert await code(f"{ARN}g", logStreamNames=["a"], logStreamNamePrefixes=["b"]) == "InvalidParameterException"
    assert await code(f"{ARN}g", f"{ARN}h", logStreamNames=["a"]) == "InvalidParameterException"


async def test_sessions_end_when_lambdad_stops(g: Api) -> None:
    stream = await tail(g, "g")
    await anext(stream)
    asyncio.get_running_loop().call_later(0.5, g.service.stop)
    before = asyncio.get_running_loop().time()
    assert [event async for event in stream] == []
    assert asyncio.get_running_loop().time() == pytest.approx(before + 0.5)
