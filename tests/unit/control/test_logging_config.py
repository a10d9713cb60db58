"""Defaults and updates of LoggingConfig."""

import pytest

from lambdad.control.logging_config import logging_answer, logging_of
from lambdad.domain.errors import InvalidParameterValue
from lambdad.domain.functions import Logging


def test_defaults() -> None:
    assert logging_answer(logging_of("f", None)) == {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"}
    assert logging_of("f", {"LogFormat": "JSON"}) == Logging("JSON", "/aws/lambda/f", "INFO", "INFO")


def test_an_update_keeps_what_it_does_not_name() -> None:
    present = Logging("JSON", "mine", "DEBUG", "WARN")
    assert logging_of("f", {"SystemLogLevel": "INFO"}, present) == Logging("JSON", "mine", "DEBUG", "INFO")
    assert logging_of("f", {"LogGroup": "other"}, present) == Logging("JSON", "other", "DEBUG", "WARN")
    assert logging_of("f", {"LogFormat": "Text"}, present) == Logging("Text", "mine")


def test_levels_need_json() -> None:
    with pytest.raises(InvalidParameterValue, match="LogLevel is not supported"):
        logging_of("f", {"LogFormat": "Text", "ApplicationLogLevel": "INFO"}, Logging("JSON", "mine", "DEBUG", "WARN"))
