"""All identities in memory, kept current by a watch of the substrate."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from lambdad.iam.arns import parse_principal
from lambdad.iam.encoding import PREFIX, Entity, decode
from lambdad.iam.entities import AccessKey, Group, HeldPolicy, ManagedPolicy, Role, User
from lambdad.iam.managed import managed_policies
from lambdad.substrate.api import Entry, KeyValue

E = TypeVar("E", User, Group, Role, ManagedPolicy)
Names = dict[str, dict[str, E]]
"""By account, then by name in lower case."""


class Directory:
    """`start` it before use; `close` ends its watch. No other method does I/O."""

    def __init__(self, key_values: KeyValue) -> None:
        self._key_values = key_values
        self._current: dict[str, tuple[Entity, int]] = {}
        self._users: Names[User] = {}
        self._groups: Names[Group] = {}
        self._roles: Names[Role] = {}
        self._policies: Names[ManagedPolicy] = {}
        self._groups_by_id: dict[str, Group] = {}
        self._roles_by_arn: dict[str, Role] = {}
        self._policies_by_arn: dict[str, ManagedPolicy] = dict(managed_policies())
        self._keys: dict[str, tuple[User, AccessKey]] = {}
        self._end: Callable[[], None] | None = None
        self.changes = 0
        """How many there were since the start: what follows from identities holds until it rises."""

    def __repr__(self) -> str:
        return f"<Directory [{len(self._current)} records]>"

    async def start(self) -> None:
        """Read what there is, and watch. Raises PlatformError for a stored record that can't be read."""
        self._end = await self._key_values.watch(PREFIX, self._changed)

    async def close(self) -> None:
        if self._end is not None:
            self._end()
            self._end = None

    def current(self, key: str) -> tuple[Entity, int] | None:
        """The record under a substrate key and its revision; for the writer."""
        return self._current.get(key)

    # One

    def access_key(self, id: str) -> tuple[User, AccessKey] | None:
        """A user's key, active or not, and whose it is."""
        return self._keys.get(id)

    def user(self, account: str, name: str) -> User | None:
        return self._users.get(account, {}).get(name.lower())

    def group(self, account: str, name: str) -> Group | None:
        return self._groups.get(account, {}).get(name.lower())

    def role(self, account: str, name: str) -> Role | None:
        return self._roles.get(account, {}).get(name.lower())

    def role_by_arn(self, arn: str) -> Role | None:
        """Here case counts, and so does the path."""
        return self._roles_by_arn.get(arn)

    def identity_of(self, principal_arn: str) -> User | Role | None:
        """The user, or the role whose session it is, behind a caller's ARN. None for the root user and for who is gone."""
        principal = parse_principal(principal_arn)
        if principal is None or principal.kind == "root":
            return None
        find = self.user if principal.kind == "user" else self.role
        return find(principal.account, principal.name)

    def policy(self, arn: str) -> ManagedPolicy | None:
        """A managed policy, of an account or of AWS."""
        return self._policies_by_arn.get(arn)

    def policy_named(self, account: str, name: str) -> ManagedPolicy | None:
        """Of an account; its path does not count."""
        return self._policies.get(account, {}).get(name.lower())

    # All

    def users(self, account: str) -> Sequence[User]:
        """By name, as the other lists."""
        return _sorted(self._users.get(account, {}))

    def groups(self, account: str) -> Sequence[Group]:
        return _sorted(self._groups.get(account, {}))

    def groups_of(self, user: User) -> Sequence[Group]:
        found = [self._groups_by_id[id] for id in user.groups if id in self._groups_by_id]
        return sorted(found, key=lambda group: group.name.lower())

    def members(self, group: Group) -> Sequence[User]:
        return [user for user in self.users(group.account) if group.id in user.groups]

    def roles(self, account: str) -> Sequence[Role]:
        return _sorted(self._roles.get(account, {}))

    def policies(self, account: str) -> Sequence[ManagedPolicy]:
        """Those of an account; `aws` has AWS's."""
        if account in self._policies:
            return _sorted(self._policies[account])
        return [policy for policy in managed_policies().values() if policy.account == account]

    # What holds for an identity

    def grants(self, identity: User | Role | Group) -> list[HeldPolicy]:
        """Its inline policies and those that are attached, as documents in force; of a user, also those of its groups.

        A boundary is none of them.
        """
        holder = f"{type(identity).__name__.lower()}_{identity.name}"
        found = [HeldPolicy("inline", name, document, holder) for name, document in identity.inline.items()]
        found += self.managed(identity.attached)
        if isinstance(identity, User):
            found += [grant for group in self.groups_of(identity) for grant in self.grants(group)]
        return found

    def managed(self, arns: Iterable[str]) -> list[HeldPolicy]:
        """Documents in force of managed policies; those that do not exist are left out, and so allow nothing."""
        found = ((arn, self._policies_by_arn.get(arn)) for arn in arns)
        return [HeldPolicy("managed", arn, policy.document) for arn, policy in found if policy is not None]

    # News from the substrate

    def _changed(self, key: str, entry: Entry | None) -> None:
        self.changes += 1
        held = self._current.pop(key, None)
        if held is not None:
            self._forget(held[0])
        if entry is not None:
            entity = decode(key, entry.value)
            self._current[key] = (entity, entry.revision)
            self._learn(entity)

    def _learn(self, entity: Entity) -> None:
        match entity:
            case User():
                self._users.setdefault(entity.account, {})[entity.name.lower()] = entity
                self._keys.update({key.id: (entity, key) for key in entity.keys})
            case Group():
                self._groups.setdefault(entity.account, {})[entity.name.lower()] = entity
                self._groups_by_id[entity.id] = entity
            case Role():
                self._roles.setdefault(entity.account, {})[entity.name.lower()] = entity
                self._roles_by_arn[entity.arn] = entity
            case ManagedPolicy():
                self._policies.setdefault(entity.account, {})[entity.name.lower()] = entity
                self._policies_by_arn[entity.arn] = entity

    def _forget(self, entity: Entity) -> None:
        match entity:
            case User():
                del self._users[entity.account][entity.name.lower()]
                for key in entity.keys:
                    # What was renamed is known under its new name already, if that news came first.
                    if self._keys.get(key.id, (None,))[0] is entity:
                        del self._keys[key.id]
            case Group():
                del self._groups[entity.account][entity.name.lower()]
                if self._groups_by_id.get(entity.id) is entity:
                    del self._groups_by_id[entity.id]
            case Role():
                del self._roles[entity.account][entity.name.lower()]
                del self._roles_by_arn[entity.arn]
            case ManagedPolicy():
                del self._policies[entity.account][entity.name.lower()]
                del self._policies_by_arn[entity.arn]


def _sorted(named: dict[str, E]) -> Sequence[E]:
    return [named[name] for name in sorted(named)]
