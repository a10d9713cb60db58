"""Log groups: create, delete, describe and list; retention, tags, protection against deletion."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec.structs

from lambdad.domain.caller import Caller
from lambdad.domain.errors import CallerError
from lambdad.logs.api import Group, LogStore
from lambdad.services.logs import tokens
from lambdad.services.logs.names import group_arn, invalid, name_of, no_group

RETENTION_DAYS = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
"""https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html"""
MAX_TAGS = 50
PAGE = 50
"""Groups per page where the request says nothing."""


class Groups:
    def __init__(self, store: LogStore, now: Callable[[], float]) -> None:
        self._store = store
        self._now = now
        # A group is read, changed and written back: two requests at once must not undo each other.
        self._turn = asyncio.Lock()

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = params["logGroupName"]
        tags = dict(params.get("tags") or {})
        _check_tags(tags)
        async with self._turn:
            if await self._store.group(caller.account, caller.region, name) is not None:
                raise CallerError.named("ResourceAlreadyExistsException", "The specified log group already exists")
            await self._store.put_group(
                Group(
                    account=caller.account,
                    region=caller.region,
                    name=name,
                    created_ms=int(self._now() * 1000),
                    kms_key_id=params.get("kmsKeyId"),
                    tags=tags,
                    group_class=params.get("logGroupClass") or "STANDARD",
                    deletion_protection=bool(params.get("deletionProtectionEnabled")),
                )
            )
        return {}

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        async with self._turn:
            group = await self._get(caller, params["logGroupName"])
            if group.deletion_protection:
                raise CallerError.named(
                    "ValidationException", "The specified log group has deletion protection enabled and cannot be deleted."
                )
            await self._store.delete_group(caller.account, caller.region, group.name)
        return {}

    async def describe(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        prefix, pattern = params.get("logGroupNamePrefix"), params.get("logGroupNamePattern")
        identifiers = params.get("logGroupIdentifiers")
        if prefix is not None and pattern is not None:
            raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
        if identifiers is not None and (prefix is not None or pattern is not None or params.get("logGroupClass")):
            raise invalid("logGroupIdentifiers cannot be combined with other filters.")
        groups: Iterable[Group] = await self._store.groups(caller.account, caller.region, prefix or "")
        groups = (group for group in groups if _of_account(group, params) and _of_class(group, params.get("logGroupClass")))
        if identifiers is not None:
            names = {name_of(caller, identifier) for identifier in identifiers}
            groups = (group for group in groups if group.name in names)
        if pattern:
            groups = (group for group in groups if pattern in group.name)
        page, token = _page(list(groups), params, PAGE)
        shown = [self._brief(group) if pattern else self._describe(group) for group in page]
        return {"logGroups": shown} | token

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        if params.get("dataSources") or params.get("fieldIndexNames"):
            return {"logGroups": []}  # lambdad's groups have neither
        pattern, filters = params.get("logGroupNamePattern"), params.get("logGroupTags") or ()
        groups = [
            group
            for group in await self._store.groups(caller.account, caller.region)
            if _of_account(group, params)
            and _of_class(group, params.get("logGroupClass"))
            and (not pattern or _like(group.name, pattern))
            and all(_tagged(group.tags, tag) for tag in filters)
        ]
        page, token = _page(groups, params, PAGE)
        shown = [
            {
                "logGroupName": group.name,
                "logGroupArn": group_arn(group.account, group.region, group.name),
                "logGroupClass": group.group_class,
            }
            for group in page
        ]
        return {"logGroups": shown} | token

    def _describe(self, group: Group) -> dict[str, Any]:
        shown = self._brief(group) | {
            "metricFilterCount": 0,
            "storedBytes": self._store.stored_bytes(group.account, group.region, group.name),
            "logGroupClass": group.group_class,
            "logGroupArn": group_arn(group.account, group.region, group.name),
            "deletionProtectionEnabled": group.deletion_protection,
        }
        if group.retention_days is not None:
            shown["retentionInDays"] = group.retention_days
        if group.kms_key_id is not None:
            shown["kmsKeyId"] = group.kms_key_id
        return shown

    def _brief(self, group: Group) -> dict[str, Any]:
        """What the answer to a logGroupNamePattern has, by the API's page."""
        return {
            "logGroupName": group.name,
            "creationTime": group.created_ms,
            "arn": f"{group_arn(group.account, group.region, group.name)}:*",
        }

    async def put_retention(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        days = params["retentionInDays"]
        if days not in RETENTION_DAYS:
            raise invalid(f"Invalid retention value. Valid values are: {list(RETENTION_DAYS)}")
        await self._change(caller, params["logGroupName"], lambda group: {"retention_days": days})
        return {}

    async def delete_retention(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        await self._change(caller, params["logGroupName"], lambda group: {"retention_days": None})
        return {}

    async def put_protection(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        protected = bool(params["deletionProtectionEnabled"])
        name = name_of(caller, params["logGroupIdentifier"])
        await self._change(caller, name, lambda group: {"deletion_protection": protected})
        return {}

    # Tags, by ARN and in the older way by name

    async def tag(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        await self._tag(caller, _resource(caller, params), params["tags"])
        return {}

    async def untag(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        await self._untag(caller, _resource(caller, params), params["tagKeys"])
        return {}

    async def tags(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return {"tags": dict((await self._get(caller, _resource(caller, params))).tags)}

    async def tag_group(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        await self._tag(caller, params["logGroupName"], params["tags"])
        return {}

    async def untag_group(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        await self._untag(caller, params["logGroupName"], params["tags"])
        return {}

    async def tags_of_group(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return {"tags": dict((await self._get(caller, params["logGroupName"])).tags)}

    async def _tag(self, caller: Caller, name: str, tags: Mapping[str, str]) -> None:
        def more(group: Group) -> dict[str, Any]:
            merged = group.tags | dict(tags)
            _check_tags(merged)
            return {"tags": merged}

        await self._change(caller, name, more)

    async def _untag(self, caller: Caller, name: str, keys: Iterable[str]) -> None:
        gone = set(keys)
        await self._change(
            caller, name, lambda group: {"tags": {key: value for key, value in group.tags.items() if key not in gone}}
        )

    async def _get(self, caller: Caller, name: str) -> Group:
        group = await self._store.group(caller.account, caller.region, name)
        if group is None:
            raise no_group()
        return group

    async def _change(self, caller: Caller, name: str, changes: Callable[[Group], dict[str, Any]]) -> None:
        async with self._turn:
            group = await self._get(caller, name)
            await self._store.put_group(msgspec.structs.replace(group, **changes(group)))


def _resource(caller: Caller, params: Mapping[str, Any]) -> str:
    arn = params["resourceArn"]
    if not arn.startswith("arn:"):
        raise invalid(f"The resource ARN '{arn}' is not valid.")
    return name_of(caller, arn)


def _check_tags(tags: Mapping[str, str]) -> None:
    if len(tags) > MAX_TAGS:
        raise CallerError.named("TooManyTagsException", f"A resource can have no more than {MAX_TAGS} tags.")
    for key in tags:
        if key.lower().startswith("aws:"):
            raise invalid(f"Tag keys must not begin with 'aws:': {key}")


def _of_account(group: Group, params: Mapping[str, Any]) -> bool:
    accounts = params.get("accountIdentifiers")
    return not (params.get("includeLinkedAccounts") and accounts) or group.account in accounts


def _of_class(group: Group, wanted: str | None) -> bool:
    """Asking for one of Infrequent Access and Essentials shows both, by the API's page."""
    together = ("INFREQUENT_ACCESS", "ESSENTIALS")
    return wanted is None or group.group_class == wanted or (wanted in together and group.group_class in together)


def _like(name: str, pattern: str) -> bool:
    """`^prefix`, `substring`, several joined with `|`."""
    return any(name.startswith(part.removeprefix("^")) if part.startswith("^") else part in name for part in pattern.split("|"))


def _tagged(tags: Mapping[str, str], wanted: Mapping[str, Any]) -> bool:
    value = tags.get(wanted["key"])
    values = wanted.get("values") or ()
    return value is not None and (not values or any(_tag_matches(value, pattern) for pattern in values))


def _tag_matches(value: str, pattern: str) -> bool:
    """`*` at either end stands for anything, `!` in front turns the meaning round."""
    text = pattern.removeprefix("!")
    core = text.strip("*")
    match text.startswith("*"), text.endswith("*"):
        case True, True:
            found = core in value
        case True, False:
            found = value.endswith(core)
        case False, True:
            found = value.startswith(core)
        case _:
            found = value == core
    return found != pattern.startswith("!")


def _page(groups: list[Group], params: Mapping[str, Any], default: int) -> tuple[list[Group], dict[str, Any]]:
    if (token := params.get("nextToken")) is not None:
        (after,) = tokens.decode(token, str)
        groups = [group for group in groups if group.name > str(after)]
    limit = params.get("limit") or default
    page = groups[:limit]
    return page, {"nextToken": tokens.encode([page[-1].name])} if len(groups) > limit else {}
