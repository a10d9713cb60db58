"""Users, groups and roles have policies alike, and users and roles tags and boundaries; what differs is here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.iam.entities import Group, Role, User
from lambdad.iam.write import Pair
from lambdad.services.iam import checks
from lambdad.services.iam.ledger import Ledger

Owner = User | Group | Role


@dataclass(frozen=True, slots=True)
class Kind:
    title: str
    """As operations and parameters have it, e.g. `User`."""
    find: Callable[[Ledger, str, str], Owner]
    """By account and name. Raises NoSuchEntity."""
    inline_limit: int
    """Characters of its inline policies together."""

    @property
    def noun(self) -> str:
        return self.title.lower()

    @property
    def parameter(self) -> str:
        """That names one, e.g. `UserName`."""
        return f"{self.title}Name"

    def named(self, ledger: Ledger, caller: Caller, params: dict[str, Any]) -> Owner:
        """Raises NoSuchEntity."""
        return self.find(ledger, caller.account, params[self.parameter])


USER: Final = Kind("User", Ledger.user, checks.INLINE_USER)
GROUP: Final = Kind("Group", Ledger.group, checks.INLINE_GROUP)
ROLE: Final = Kind("Role", Ledger.role, checks.INLINE_ROLE)


def changed(owner: Owner, **members: Any) -> Pair:
    """For a commit: it as it is, and with other values of `members`."""
    return owner, replace(owner, **members)
