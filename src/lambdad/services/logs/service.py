"""CloudWatch Logs as the edge sees it: operations by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.logs.api import LogStore
from lambdad.services.logs import access
from lambdad.services.logs.events import Events
from lambdad.services.logs.groups import Groups
from lambdad.services.logs.streams import Streams
from lambdad.services.logs.tail import LiveTail
from lambdad.wire.api import Handler


class LogsService:
    """A `wire.api.Service`. `now`: epoch seconds; `new_id`: ids of live tail sessions, e.g. uuids."""

    def __init__(self, store: LogStore, now: Callable[[], float], new_id: Callable[[], str]) -> None:
        groups, streams, events = Groups(store, now), Streams(store, now), Events(store, now)
        self._tail = LiveTail(store, now, new_id)
        self._operations: Mapping[str, Handler] = {
            "CreateLogGroup": groups.create,
            "DeleteLogGroup": groups.delete,
            "DescribeLogGroups": groups.describe,
            "ListLogGroups": groups.list,
            "PutRetentionPolicy": groups.put_retention,
            "DeleteRetentionPolicy": groups.delete_retention,
            "PutLogGroupDeletionProtection": groups.put_protection,
            "TagResource": groups.tag,
            "UntagResource": groups.untag,
            "ListTagsForResource": groups.tags,
            "TagLogGroup": groups.tag_group,
            "UntagLogGroup": groups.untag_group,
            "ListTagsLogGroup": groups.tags_of_group,
            "CreateLogStream": streams.create,
            "DeleteLogStream": streams.delete,
            "DescribeLogStreams": streams.describe,
            "PutLogEvents": events.put,
            "GetLogEvents": events.get,
            "FilterLogEvents": events.filter,
            "StartLiveTail": self._tail.start,
        }

    def __repr__(self) -> str:
        return f"<LogsService {len(self._operations)} operations>"

    def stop(self) -> None:
        """End the live tails; to be called before the edge waits for its requests."""
        self._tail.stop()

    @property
    def name(self) -> str:
        return "logs"

    @property
    def operations(self) -> Mapping[str, Handler]:
        return self._operations

    def needs(self, operation: str, caller: Caller, params: Mapping[str, Any]) -> Sequence[Need]:
        return access.needs(operation, caller, params)

    def resource_policy(self, need: Need) -> str | None:
        return None
