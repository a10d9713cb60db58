"""The trace header of a request becomes the message's AWSTraceHeader, by which recursive loops are followed through queues.

https://docs.aws.amazon.com/xray/latest/devguide/xray-services-sqs.html
"""

import json
from typing import Any

import pytest

from lambdad.services.sqs.messages import TRACE_LENGTH

from .api import Api

ROOT = "Root=1-5759e988-bd862e3fe1be46a994272793"
HEADER = f"{ROOT};Parent=53995c3f42cd8ad8;Sampled=0;Lineage=1:a87bd80c:0"
OTHER = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=2"}}


async def traces(api: Api, url: str) -> list[str | None]:
    return [message["Attributes"].get("AWSTraceHeader") for message in await api.receive(url)]


async def test_a_message_has_the_header_of_its_request(api: Api) -> None:
    url = await api.queue()
    api.trace_id = HEADER
    sent = await api.send(url, "x")
    assert "MD5OfMessageSystemAttributes" not in sent, "a client checks this against what it has sent"
    assert await traces(api, url) == [HEADER]


async def test_what_the_request_states_goes_first(api: Api) -> None:
    url = await api.queue()
    api.trace_id = HEADER
    sent = await api.send(url, "x", MessageSystemAttributes=OTHER)
    assert sent["MD5OfMessageSystemAttributes"]
    assert await traces(api, url) == ["Root=2"]


async def test_each_entry_of_a_batch_has_it(api: Api) -> None:
    url = await api.queue("q.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    api.trace_id = HEADER
    entries: list[dict[str, Any]] = [{"Id": each, "MessageBody": each, "MessageGroupId": "g"} for each in ("a", "b")]
    entries[1]["MessageSystemAttributes"] = OTHER
    sent = (await api.call("SendMessageBatch", QueueUrl=url, Entries=entries))["Successful"]
    assert ["MD5OfMessageSystemAttributes" in each for each in sent] == [False, True]
    assert await traces(api, url) == [HEADER, "Root=2"]


async def test_it_does_not_count_for_the_message_s_size(api: Api) -> None:
    url = await api.queue(MaximumMessageSize="1024")
    api.trace_id = HEADER
    await api.send(url, "x" * 1024)
    assert await traces(api, url) == [HEADER]


@pytest.mark.parametrize("header", [ROOT, f"{ROOT};", f"Self=1-67891234-12456789abcdef012345678a;{ROOT};CalledFrom=app"])
async def test_headers_of_every_kind(api: Api, header: str) -> None:
    url = await api.queue()
    api.trace_id = header
    await api.send(url, "x")
    assert await traces(api, url) == [header]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "nonsense",
        "Root=1",
        "Parent=53995c3f42cd8ad8;Sampled=1",
        f"{ROOT}0",
        f"{ROOT}, {ROOT}",
        f"{ROOT};a=\x1b[31m",
        f"{ROOT};a=ä",
        f"{ROOT};;Sampled=1",
        f"{ROOT};{'x' * TRACE_LENGTH}",
    ],
)
async def test_a_header_that_is_none_is_ignored(api: Api, header: str) -> None:
    url = await api.queue()
    api.trace_id = header
    await api.send(url, "x")
    assert await traces(api, url) == [None]


async def test_it_stays_on_the_way_to_a_dead_letter_queue_and_back(api: Api) -> None:
    dead = await api.queue("dead", VisibilityTimeout="0")
    policy = json.dumps({"deadLetterTargetArn": await api.arn(dead), "maxReceiveCount": 1})
    source = await api.queue("source", RedrivePolicy=policy, VisibilityTimeout="0")
    api.trace_id = HEADER
    await api.send(source, "x")
    api.trace_id = None
    assert await traces(api, source) == [HEADER]
    assert await traces(api, source) == []
    assert await traces(api, dead) == [HEADER]
    await api.call("StartMessageMoveTask", SourceArn=await api.arn(dead))
    await api.clock.advance(1)
    assert await traces(api, source) == [HEADER]


async def test_rooms_pass_theirs_on(api: Api) -> None:
    url = await api.queue()
    arn = await api.arn(url)
    for trace_id in (HEADER, None, "nonsense"):
        await api.service.send(arn, "event", {}, "lambda", trace_id)
    received = await api.service.receive(arn, 10, 0)
    assert [message["Attributes"].get("AWSTraceHeader") for message in received] == [HEADER, None, None]
