"""`LoggingConfig` of a function: defaults, and how an update changes it. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
"""

from collections.abc import Mapping
from typing import Any

from lambdad.domain.errors import InvalidParameterValue
from lambdad.domain.functions import Logging

DEFAULT_LEVEL = "INFO"


def logging_of(name: str, request: Mapping[str, Any] | None, present: Logging | None = None) -> Logging:
    """The request's members over the present ones. Raises InvalidParameterValue for levels with the Text format."""
    request = request or {}
    present = present or Logging(group=f"/aws/lambda/{name}")
    form = request.get("LogFormat", present.format)
    group = request.get("LogGroup", present.group)
    levels = request.get("ApplicationLogLevel"), request.get("SystemLogLevel")
    if form == "Text":
        if any(levels):
            raise InvalidParameterValue(
                'LogLevel is not supported when LogFormat is set to "Text". '
                'Remove LogLevel from your request or change the LogFormat to "JSON" and try again.'
            )
        return Logging("Text", group)
    application, system = levels
    return Logging(
        "JSON",
        group,
        application or present.application_level or DEFAULT_LEVEL,
        system or present.system_level or DEFAULT_LEVEL,
    )


def logging_answer(logging: Logging) -> dict[str, Any]:
    answer: dict[str, Any] = {"LogFormat": logging.format, "LogGroup": logging.group}
    if logging.application_level is not None:
        answer["ApplicationLogLevel"] = logging.application_level
    if logging.system_level is not None:
        answer["SystemLogLevel"] = logging.system_level
    return answer
