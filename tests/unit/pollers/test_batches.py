"""What a batch holds."""

from lambdad.frontend.traces import ROUNDS, onward
from lambdad.pollers.batches import Batch, Held, looping, parted, trace_of

ARN = "arn:aws:lambda:us-east-1:000000000000:function:fn"


def held(identifier: str, size: int = 10, trace: str | None = None, group: str | None = None, at: float = 0.0) -> Held:
    return Held(identifier, f"handle of {identifier} at {at}", b"x" * size, at, trace, group)


def round_of(count: int) -> str:
    """The trace of a message that was sent by the function's `count`th invocation in a chain."""
    trace = "Root=1-2-3;Parent=4;Sampled=0"
    for _ in range(count - 1):
        trace = onward(trace, ARN)
    return trace


def test_it_is_full_when_it_has_its_size() -> None:
    batch = Batch(12)
    assert (batch.room, batch.began) == (10, None)
    for number in range(5):
        assert batch.add(held(str(number), at=7.0 + number))
    assert (batch.room, batch.began, len(batch)) == (7, 7.0, 5)
    for number in range(5, 12):
        assert batch.add(held(str(number)))
    assert batch.room == 0
    assert [each.id for each in batch.records] == [str(number) for number in range(12)]


def test_its_event_is_at_most_six_megabytes() -> None:
    batch = Batch(10_000)
    million = 1_000_000
    assert [batch.add(held(str(number), million)) for number in range(7)] == [True] * 6 + [False]
    left = 6_291_456 - len(b'{"Records":[]}') - 6 * (million + 1)
    assert not batch.add(held("a byte too much", left))
    assert batch.add(held("fits", left - 1))
    alone = Batch(10)
    assert alone.add(held("huge", 7 * million)), "it will be refused, but not for ever wait for room"


def test_what_comes_again_is_there_once_with_its_new_handle() -> None:
    batch = Batch(2)
    batch.add(held("a", 3_000_000, at=1.0))
    assert batch.add(held("a", 3_000_001, at=31.0))
    (record,) = batch.records
    assert (record.handle, batch.room, batch.began) == ("handle of a at 31.0", 1, 1.0)
    assert batch.add(held("b", 3_000_000)), "the first copy counts no more"


def test_the_trace_goes_on_with_what_came_round_most() -> None:
    assert trace_of([held("a")], ARN) is None
    once = trace_of([held("a"), held("b", trace="Root=1-b")], ARN)
    assert once == onward("Root=1-b", ARN)
    looped = round_of(ROUNDS + 1)
    assert trace_of([held("a", trace="Root=1-a"), held("b", trace=looped)], ARN) == onward(looped, ARN)


def test_a_loop_is_parted_from_the_rest() -> None:
    assert not looping(None, ARN)
    assert not looping(round_of(ROUNDS - 1), ARN)
    assert looping(round_of(ROUNDS), ARN)
    good, bad = held("good"), held("bad", trace=round_of(ROUNDS))
    assert parted([good, bad], ARN) == [[good], [bad]]
    assert parted([good], ARN) == [[good]]
    assert parted([bad], ARN) == [[bad]]
    ordered = [held("one", group="g", trace=round_of(ROUNDS)), held("two", group="g")]
    assert parted(ordered, ARN) == [ordered]
