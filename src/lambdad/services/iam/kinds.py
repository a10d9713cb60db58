"""Users and roles have policies, boundaries and tags alike; what differs is here."""

from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from lambdad.domain.caller import Caller
from lambdad.iam.entities import Role, User
from lambdad.iam.write import Pair
from lambdad.services.iam import checks
from lambdad.services.iam.ledger import Ledger

Owner = User | Role


@dataclass(frozen=True, slots=True)
class Kind:
    noun: str
    """As texts have it, e.g. `user`."""
    parameter: str
    """That names one, e.g. `UserName`."""
    inline_limit: int
    """Characters of its inline policies together."""

    @property
    def quota(self) -> str:
        """Of attached policies."""
        return f"PoliciesPer{self.noun.capitalize()}"

    def named(self, ledger: Ledger, caller: Caller, params: dict[str, Any]) -> Owner:
        """Raises NoSuchEntity."""
        name = params[self.parameter]
        return ledger.user(caller.account, name) if self is USER else ledger.role(caller.account, name)


USER: Final = Kind("user", "UserName", checks.INLINE_USER)
ROLE: Final = Kind("role", "RoleName", checks.INLINE_ROLE)


def changed(owner: Owner, **members: Any) -> Pair:
    """For a commit: it as it is, and with other values of `members`."""
    return owner, replace(owner, **members)
