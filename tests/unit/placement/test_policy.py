"""The choice of a worker."""

from lambdad.placement.policy import Candidate, choose


def test_the_worker_with_the_most_free_memory_is_chosen() -> None:
    assert choose([Candidate(1000, 900, 3), Candidate(1000, 100, 9), Candidate(500, 0, 0)], 128) == 1


def test_among_equals_the_one_with_the_fewest_environments_and_then_the_first() -> None:
    assert choose([Candidate(1000, 500, 4), Candidate(1000, 500, 2), Candidate(1000, 500, 2)], 128) == 1


def test_a_full_worker_is_passed_over() -> None:
    assert choose([Candidate(4000, 3900, 1), Candidate(200, 72, 1)], 128) == 1


def test_what_fits_nowhere_is_refused() -> None:
    assert choose([Candidate(1000, 900, 1)], 128) is None
    assert choose([], 128) is None


def test_workers_without_a_limit_share_by_number() -> None:
    assert choose([Candidate(None, 5000, 7), Candidate(None, 9000, 6), Candidate(100_000, 0, 0)], 10_240) == 1
