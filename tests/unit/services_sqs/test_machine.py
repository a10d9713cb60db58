import pytest

from lambdad.domain.errors import CallerError
from lambdad.services.sqs import machine
from lambdad.services.sqs.attributes import Queue, Redrive, Settings
from lambdad.services.sqs.messages import Message, decode
from lambdad.substrate.api import Delivery

NOW = 1_795_255_203_000


def queue(identifier: str = "id-1", **settings: object) -> Queue:
    return Queue("000000000000", "us-east-1", "q", identifier, 0, 0, Settings(**settings))  # type: ignore[arg-type]


def message(**members: str) -> Message:
    return Message("body", "md5", {}, "sender", **members)


def delivery(number: int = 1, sent: int = NOW) -> Delivery:
    return Delivery(7, sent, None, b"", b"", number, NOW)


@pytest.mark.parametrize(
    ("number", "age_ms", "target", "expected"),
    [
        (3, 0, True, "deliver"),
        (4, 0, True, "exhausted"),
        (4, 0, False, "deliver"),
        (1, 59_999, True, "deliver"),
        (1, 60_000, True, "expired"),
        (4, 60_000, True, "expired"),
    ],
)
def test_verdicts(number: int, age_ms: int, target: bool, expected: str) -> None:
    source = queue(retention=60, redrive=Redrive("arn", 3))
    assert machine.verdict(delivery(number, NOW - age_ms), source, target, NOW) == expected


def test_when_a_message_is_due() -> None:
    assert machine.new_message(queue(delay=5), message(), None, NOW).due_ms == NOW + 5000
    assert machine.new_message(queue(delay=5), message(), 0, NOW).due_ms == NOW


def test_a_group_is_only_a_name_on_a_standard_queue() -> None:
    assert machine.new_message(queue(), message(group="g"), None, NOW).group is None
    assert machine.new_message(queue(fifo=True), message(group="g", dedup="d"), None, NOW).group == "g"


def test_what_makes_a_duplicate() -> None:
    def once(scope: str, group: str) -> str | None:
        return machine.new_message(queue(fifo=True, dedup_scope=scope), message(group=group, dedup="d"), None, NOW).once

    assert once("queue", "a") == once("queue", "b")
    assert once("messageGroup", "a") != once("messageGroup", "b")
    assert machine.new_message(queue(), message(), None, NOW).once is None


def test_the_id_of_a_message_is_a_uuid_of_its_queue_and_place() -> None:
    ids = {machine.message_id(queue(name), None, position) for name in ("id-1", "id-2") for position in (1, 2)}
    assert len(ids) == 4
    assert machine.message_id(queue(), None, 1) == machine.message_id(queue(), message(), 1)
    assert machine.message_id(queue(), message(id="kept"), 1) == "kept"


def test_a_message_keeps_its_id_on_its_way_to_the_dead_letter_queue_and_gets_a_new_one_on_its_way_back() -> None:
    source, dead = queue(), queue("id-2")
    buried = machine.buried(message(), delivery(5, NOW - 9), source, dead, NOW)
    inside = decode(buried.payload)
    assert inside.id == machine.message_id(source, None, 7)
    assert (inside.source, buried.time_ms, buried.due_ms) == (source.arn, NOW - 9, NOW)
    back = machine.redriven(inside, source, NOW + 1)
    assert (decode(back.payload).id, decode(back.payload).source, back.time_ms) == (None, None, NOW + 1)


def test_handles_say_what_they_are_for() -> None:
    receipt = machine.Receipt(1 << 63, 12, 3, NOW)
    text = machine.handle(queue(), receipt)
    assert machine.parse_handle(queue(), text) == receipt
    for wrong in ("", "AQEB", text[:-4], "é", 7):
        with pytest.raises(CallerError):
            machine.parse_handle(queue(), wrong)
    with pytest.raises(CallerError, match="not valid for this queue"):
        machine.parse_handle(queue("id-2"), text)


@pytest.mark.parametrize(
    ("fifo", "run", "held", "expected"),
    [
        (False, 2, None, True),
        (False, 1, 5, True),
        (True, 1, 3, True),
        (True, 1, None, True),
        (True, 1, 0, False),
        (True, 1, 4, False),
        (True, 2, 3, False),
    ],
)
def test_which_handles_delete(fifo: bool, run: int, held: int | None, expected: bool) -> None:
    assert machine.may_delete(queue(fifo=fifo), machine.Receipt(run, 7, 3, NOW), held, 1) is expected
