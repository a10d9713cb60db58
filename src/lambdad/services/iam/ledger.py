"""The one way in which identities change: read the directory, decide, commit, and decide anew if somebody was faster."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from lambdad.domain.caller import Caller
from lambdad.iam.arns import parse_principal
from lambdad.iam.directory import Directory
from lambdad.iam.entities import Group, ManagedPolicy, Role, User
from lambdad.iam.policies import MalformedPolicy, PolicyKind, parse
from lambdad.iam.write import Pair, Stale, Writer
from lambdad.services.iam import errors
from lambdad.wire.api import Handler as Handler

T = TypeVar("T")
Decision = Callable[[], tuple[Sequence[Pair], T]]
"""Reads the directory and answers what to write, and what to tell the caller once it is written. May be called again."""


class Ledger:
    """Identities with their writer, and the sources of time and chance."""

    __slots__ = ("_now", "_writer", "chance", "directory")

    def __init__(
        self,
        directory: Directory,
        writer: Writer,
        *,
        now: Callable[[], float],
        chance: Callable[[int], bytes],
    ) -> None:
        """`now` in epoch seconds; `chance` answers so many bytes that nobody can guess."""
        self.directory = directory
        self.chance = chance
        self._writer = writer
        self._now = now

    def now(self) -> int:
        return int(self._now())

    def check(self, document: str, kind: PolicyKind) -> None:
        """Raises MalformedPolicyDocument."""
        try:
            parse(document, kind)
        except MalformedPolicy as error:
            raise errors.malformed(error.message) from None

    async def decide(self, decision: Decision[T]) -> T:
        """Raises what `decision` raises, StorageFull, and ConcurrentModification where others were faster each time."""
        try:
            return await self._writer.decide(decision)
        except Stale:
            raise errors.concurrent() from None

    # What a request names; each raises NoSuchEntity.

    def user(self, account: str, name: str) -> User:
        found = self.directory.user(account, name)
        if found is None:
            raise errors.not_found("user", name)
        return found

    def caller_or(self, caller: Caller, name: str | None) -> User:
        """The named user, else the user who calls. Raises ValidationError for a caller who is no user."""
        if name is None:
            principal = parse_principal(caller.principal_arn)
            if principal is None or principal.kind != "user":
                raise errors.validation("Must specify userName when calling with non-User credentials")
            name = principal.name
        return self.user(caller.account, name)

    def group(self, account: str, name: str) -> Group:
        found = self.directory.group(account, name)
        if found is None:
            raise errors.not_found("group", name)
        return found

    def role(self, account: str, name: str) -> Role:
        found = self.directory.role(account, name)
        if found is None:
            raise errors.not_found("role", name)
        return found

    def policy(self, account: str, arn: str) -> ManagedPolicy:
        """One of the account's own or of AWS."""
        found = self.directory.policy(arn)
        if found is None or (found.account != account and not found.by_aws):
            raise errors.no_policy(arn)
        return found
