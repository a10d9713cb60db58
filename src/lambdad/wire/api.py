"""What a service looks like to the edge: a name of a botocore model and the operations it implements."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from lambdad.domain.caller import Caller

Handler = Callable[[Caller, dict[str, Any]], Awaitable[dict[str, Any]]]
"""Takes parameters by their model names, validated; answers output members by their model names.

Timestamps are numbers (epoch seconds) or strings as AWS would print them, blobs are bytes. A member that is an event stream is
an async iterator of one-key dicts, event name → its members. The key `StatusCode_` overrides the model's HTTP status.

Parameters: blobs are bytes, timestamps are epoch seconds (float), what was absent or null is not there. Errors are raised as
LambdadError; of its members, `retry_after` (s) becomes a header, and `query_error` is the code that older clients of SQS know
(`AWS.SimpleQueueService.NonExistentQueue`).
"""


class Service(Protocol):
    @property
    def name(self) -> str:
        """botocore's name of the service, e.g. `lambda` or `logs`."""
        ...

    @property
    def operations(self) -> Mapping[str, Handler]:
        """By operation name, e.g. `CreateFunction`. What the model has beyond these is answered NotImplemented."""
        ...
