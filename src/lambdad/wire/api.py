"""What a service looks like to the edge: a name of a botocore model, the operations it implements, and what they need."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from lambdad.domain.access import Need
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

    def needs(self, operation: str, caller: Caller, params: Mapping[str, Any]) -> Sequence[Need]:
        """All that has to be allowed before the operation, one of `operations`, is called; nothing where the operation refuses
        the request anyway, or decides for itself. `params` as for a Handler. Raises the operation's own CallerError for a
        resource that can't be told."""
        ...

    def resource_policy(self, need: Need) -> str | None:
        """The policy of the resource that is needed, as a JSON document, where there is one."""
        ...
