"""What fuzzing has found of use, replayed."""

import importlib

import pytest

from tests.fuzz.__main__ import CORPUS, TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_and_the_seeds_break_nothing(name: str) -> None:
    target = importlib.import_module(f"tests.fuzz.{name}")
    kept = sorted((CORPUS / name).iterdir())
    assert kept
    for data in (*target.SEEDS, *(path.read_bytes() for path in kept)):
        target.check(data)
