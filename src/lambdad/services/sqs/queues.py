"""Queues: create, delete, list; attributes, tags, permissions, purge."""

import json
from collections.abc import Callable, Iterable
from typing import Any, Final

from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.iam.arns import root_arn
from lambdad.services.sqs import attributes, errors
from lambdad.services.sqs.attributes import ALL, Queue, Settings, changed, new_settings, shown
from lambdad.services.sqs.catalogue import Catalogue
from lambdad.services.sqs.meters import Meters
from lambdad.services.sqs.names import QueueName, check_name
from lambdad.services.sqs.pages import page
from lambdad.substrate.api import Queues as Store

PURGE_AGAIN: Final = 60.0
"""Seconds between two purges of a queue."""
TAGS: Final = 50
ACTIONS: Final = frozenset(
    {"*", "SendMessage", "ReceiveMessage", "DeleteMessage", "ChangeMessageVisibility", "GetQueueAttributes", "GetQueueUrl"}
    | {"ListDeadLetterSourceQueues", "PurgeQueue"}
)
"""That AddPermission takes."""


class Queues:
    """`now`: epoch seconds; `new_id`: uuids; `url`: where lambdad listens, for callers that did not say how they reach it."""

    def __init__(
        self,
        catalogue: Catalogue,
        store: Store,
        meters: Meters,
        now: Callable[[], float],
        new_id: Callable[[], str],
        url: Callable[[], str],
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._meters = meters
        self._now = now
        self._new_id = new_id
        self._url = url
        self._purged: dict[str, float] = {}

    def url_of(self, caller: Caller, queue: Queue) -> str:
        base = f"http://{caller.host}" if caller.host else self._url()
        return f"{base}/{queue.account}/{queue.name}"

    async def create(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = params.get("QueueName")
        if name is None:
            raise errors.invalid("Value for parameter QueueName is invalid. Reason: Must specify a queue name.")
        attributes, tags = _texts(params.get("Attributes")), _texts(params.get("tags"))
        settings = new_settings(attributes)
        check_name(name, settings.fifo)
        _check_tags(tags)
        where = QueueName(caller.account, caller.region, name)
        async with self._catalogue.turn:
            present = self._catalogue.get(where)
            now = int(self._now())
            queue = Queue(caller.account, caller.region, name, self._new_id(), now, now, settings, tags)
            if present is not None:
                self._check_same(present, queue, attributes)
                return {"QueueUrl": self.url_of(caller, present)}
            self._catalogue.check_new(where)
            self._check_redrive(queue, settings, attributes)
            await self._catalogue.put(queue)
        return {"QueueUrl": self.url_of(caller, queue)}

    def _check_same(self, present: Queue, asked: Queue, attributes: Iterable[str]) -> None:
        counts = self._store.counts(present.id)
        there, wanted = shown(present, counts), shown(asked, counts)
        for attribute in attributes:
            if there.get(attribute) != wanted.get(attribute):
                raise errors.queue_exists(attribute)

    def _check_redrive(self, queue: Queue, settings: Settings, attributes: dict[str, str]) -> None:
        """The dead-letter queue must exist, be of the same kind, and allow it."""
        if not attributes.get("RedrivePolicy") or settings.redrive is None:
            return
        text = attributes["RedrivePolicy"]
        target = self._catalogue.by_arn(settings.redrive.target)
        if target is None:
            raise errors.invalid_value(text, "RedrivePolicy", "Dead letter target does not exist.")
        if target.settings.fifo != settings.fifo:
            raise errors.invalid_value(text, "RedrivePolicy", "Dead-letter queue must be same type of queue as the source.")
        if (target.account, target.region) != (queue.account, queue.region):
            raise errors.invalid_value(text, "RedrivePolicy", "Dead letter target owner should be same as the source.")
        allow = target.settings.redrive_allow
        if allow is not None and not allow.allows(queue.arn):
            raise errors.invalid_value(
                text, "RedrivePolicy", "Dead letter target's RedriveAllowPolicy does not allow this source queue."
            )

    async def delete(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        async with self._catalogue.turn:
            queue = self._catalogue.by_url(caller, params.get("QueueUrl"))
            await self._catalogue.delete(queue)
        self._meters.forget(queue)
        self._purged.pop(queue.id, None)
        return {}

    async def get_url(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        name = params.get("QueueName")
        if not name:
            raise errors.invalid("Value for parameter QueueName is invalid. Reason: Must specify a queue name.")
        queue = self._catalogue.get(QueueName(params.get("QueueOwnerAWSAccountId") or caller.account, caller.region, name))
        if queue is None:
            raise errors.no_queue()
        return {"QueueUrl": self.url_of(caller, queue)}

    async def list(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        prefix = params.get("QueueNamePrefix") or ""
        found = [
            queue
            for queue in self._catalogue
            if (queue.account, queue.region) == (caller.account, caller.region) and queue.name.startswith(prefix)
        ]
        queues, token = page(sorted(found, key=lambda queue: queue.name), params)
        return ({"QueueUrls": [self.url_of(caller, queue) for queue in queues]} if queues else {}) | token

    async def list_sources(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        queue = self._catalogue.by_url(caller, params.get("QueueUrl"))
        queues, token = page(self._catalogue.sources_of(queue), params)
        return {"queueUrls": [self.url_of(caller, each) for each in queues]} | token

    # Attributes

    async def get_attributes(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        queue = self._catalogue.by_url(caller, params.get("QueueUrl"))
        names = params.get("AttributeNames") or []
        for name in names:
            if name != "All" and name not in ALL:
                raise errors.unknown_attribute(name)
        attributes = self.attributes(queue)
        return {
            "Attributes": attributes if "All" in names else {name: attributes[name] for name in names if name in attributes}
        }

    def attributes(self, queue: Queue) -> dict[str, str]:
        return shown(queue, self._store.counts(queue.id))

    async def set_attributes(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        if params.get("Attributes") is None:
            raise errors.missing("Attributes")
        attributes = _texts(params["Attributes"])

        def change(queue: Queue) -> Queue:
            settings = changed(queue.settings, attributes)
            self._check_redrive(queue, settings, attributes)
            return replace(queue, settings=settings, modified=int(self._now()))

        await self._change(caller, params, change)
        return {}

    async def _change(self, caller: Caller, params: dict[str, Any], change: Callable[[Queue], Queue]) -> None:
        async with self._catalogue.turn:
            await self._catalogue.put(change(self._catalogue.by_url(caller, params.get("QueueUrl"))))

    # Tags

    async def tag(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        tags = _texts(params.get("Tags"))
        if not tags:
            raise errors.missing("Tags")

        def change(queue: Queue) -> Queue:
            merged = queue.tags | tags
            _check_tags(merged)
            return replace(queue, tags=merged)

        await self._change(caller, params, change)
        return {}

    async def untag(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        gone = set(params.get("TagKeys") or ())
        if not gone:
            raise errors.missing("TagKeys")

        def change(queue: Queue) -> Queue:
            return replace(queue, tags={key: value for key, value in queue.tags.items() if key not in gone})

        await self._change(caller, params, change)
        return {}

    async def tags(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": dict(self._catalogue.by_url(caller, params.get("QueueUrl")).tags)}

    # Permissions: statements of the queue's policy

    async def add_permission(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        label, accounts, actions = (params.get(name) for name in ("Label", "AWSAccountIds", "Actions"))
        for name, value in (("Label", label), ("AWSAccountIds", accounts), ("Actions", actions)):
            if not value:
                raise errors.missing(name)
        for action in actions or ():
            if action not in ACTIONS:
                raise errors.invalid_value(
                    f"SQS:{action}", "ActionName", "Only the queue owner is allowed to invoke this action."
                )
        principals = [root_arn(account) for account in accounts or ()]
        named = [f"SQS:{action}" for action in actions or ()]

        def change(queue: Queue) -> Queue:
            policy = _policy(queue)
            if any(each.get("Sid") == label for each in policy["Statement"]):
                raise errors.invalid_value(label, "Label", "Already exists.")
            statement = {
                "Sid": label,
                "Effect": "Allow",
                "Principal": {"AWS": principals if len(principals) > 1 else principals[0]},
                "Action": named if len(named) > 1 else named[0],
                "Resource": queue.arn,
            }
            policy["Statement"].append(statement)
            return _with_policy(queue, policy)

        await self._change(caller, params, change)
        return {}

    async def remove_permission(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        label = params.get("Label")
        if not label:
            raise errors.missing("Label")

        def change(queue: Queue) -> Queue:
            policy = _policy(queue)
            kept = [each for each in policy["Statement"] if each.get("Sid") != label]
            if len(kept) == len(policy["Statement"]):
                raise errors.invalid_value(label, "Label", "can't find label.")
            return _with_policy(queue, policy | {"Statement": kept})

        await self._change(caller, params, change)
        return {}

    async def purge(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        queue = self._catalogue.by_url(caller, params.get("QueueUrl"))
        now = self._now()
        if now < self._purged.get(queue.id, 0):
            raise errors.purge_in_progress(queue.name)
        self._purged[queue.id] = now + PURGE_AGAIN
        await self._store.purge(queue.id)
        return {}


def _texts(given: dict[str, Any] | None) -> dict[str, str]:
    """A map of the request; null is as good as absent."""
    return {name: value for name, value in (given or {}).items() if value is not None}


def _check_tags(tags: dict[str, str]) -> None:
    """https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"""
    if len(tags) > TAGS:
        raise errors.invalid(f"Too many tags added for queue. Maximum number of tags is {TAGS}.")
    for key, value in tags.items():
        if not key or len(key) > 128 or len(value) > 256:
            raise errors.invalid("Tag keys must be between 1 and 128 characters, tag values at most 256 characters in length.")
        if key.lower().startswith("aws:"):
            raise errors.invalid(f"Tag key {key} can't start with the reserved prefix aws:.")


def _policy(queue: Queue) -> dict[str, Any]:
    if queue.settings.policy is None:
        return {"Version": "2008-10-17", "Id": f"{queue.arn}/SQSDefaultPolicy", "Statement": []}
    policy: dict[str, Any] = json.loads(queue.settings.policy)
    statements = policy.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    return policy | {"Statement": [each for each in listed if isinstance(each, dict)]}


def _with_policy(queue: Queue, policy: dict[str, Any]) -> Queue:
    text = json.dumps(policy) if policy["Statement"] else ""
    return replace(queue, settings=replace(queue.settings, policy=attributes.policy(text)))
