"""What of a queue is in memory, decided without storage."""

from hypothesis import given
from hypothesis import strategies as st

from lambdad.substrate.window import KEPT, KEPT_BYTES, SLACK, Entry, Key, Window


def entry(position: int, due: int = 0, group: str | None = None, payload: bytes = b"x") -> Entry:
    return Entry(position, due, due, group, 0, 0, b"", payload)


def positions(window: Window, limit: int = 100, now: int = 0, lease: int = 10) -> list[int]:
    return [taken.position for taken, _ in window.take(limit, now, lease)]


def test_what_is_stored_behind_the_edge_stays_there() -> None:
    window = Window(Key(5, 1, 0))
    window.offer(entry(2, due=5), now=9)
    assert (len(window), window.lacks(9)) == (0, True)
    window.load([entry(1, due=5), entry(2, due=5)], Key(5, 1, 0), None)
    assert positions(window) == [1, 2]
    window.offer(entry(3, due=6), now=9)
    assert positions(window) == [3]


def test_what_is_not_due_becomes_the_edge() -> None:
    window = Window()
    window.offer(entry(1, due=50), now=0)
    window.offer(entry(2, due=10), now=0)
    window.offer(entry(3, due=20), now=0)
    assert window.edge == Key(10, 2, 10)
    assert (window.lacks(9), window.lacks(10), window.next_ms(0)) == (False, True, 10)


def test_what_lowers_the_edge_while_a_page_is_read_is_not_lost() -> None:
    window = Window(Key(30, 1, 30))
    window.offer(entry(9, due=20), now=10)  # not due yet, and before the page
    window.load([entry(1, due=30)], Key(30, 1, 30), None)
    assert window.edge == Key(20, 9, 20)
    window.load([entry(9, due=20), entry(1, due=30)], Key(20, 9, 20), None)
    assert positions(window, now=40) == [9, 1]


def test_what_nobody_fetches_does_not_fill_memory() -> None:
    window = Window()
    for position in range(1, KEPT + 100):
        window.offer(entry(position), now=0)
    assert len(window) == KEPT
    large = Window()
    for position in range(20):
        large.offer(entry(position, payload=bytes(1024 * 1024)), now=0)
    assert large.bytes <= KEPT_BYTES
    payloads = [payload for _, payload in large.take(20, 0, 10)]
    assert [payload is None for payload in payloads] == [False] * 8 + [True] * 12
    assert large.bytes == 0


def test_heaps_do_not_grow_with_what_has_passed() -> None:
    window = Window()
    window.offer(entry(0), now=0)
    assert positions(window) == [0]
    for position in range(1, 10 * SLACK):
        window.offer(entry(position), now=0)
        assert positions(window, lease=10**9) == [position]
        window.remove(position)
    assert len(window._ends) <= 2 * SLACK
    assert len(window._oldest) <= 2 * SLACK
    assert window.oldest_ms() == 0


@given(st.data())
def test_groups_are_given_out_in_order_and_one_at_a_time(data: st.DataObject) -> None:
    window, now, position = Window(), 0, 0
    leased: dict[int, Entry] = {}
    acknowledged: dict[str | None, list[int]] = {}
    for _ in range(data.draw(st.integers(1, 60))):
        match data.draw(st.sampled_from(["offer", "offer", "take", "remove", "end", "extend"])):
            case "offer":
                position += 1
                window.offer(entry(position, group=data.draw(st.sampled_from("ab"))), now)
            case "take":
                blocked = {each.group for each in leased.values()}
                for taken, _ in window.take(data.draw(st.integers(1, 3)), now, 5):
                    assert taken.group not in blocked
                    leased[taken.position] = taken
            case "remove" if leased:
                # Acknowledged in the order of delivery, as a careful consumer does it.
                gone = leased.pop(min(leased))
                window.remove(gone.position)
                acknowledged.setdefault(gone.group, []).append(gone.position)
            case "extend" if leased:
                assert window.extend(min(leased), now, 5)
            case "end":
                now += 3
                for ended in window.end_leases(now):
                    del leased[ended.position]
        assert window.leased == len(leased)
    for done in acknowledged.values():
        assert done == sorted(done)
    window.end_leases(now + 10)
    rest = positions(window)
    assert len(rest) == len(window)
