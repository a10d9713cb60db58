"""STS as the edge sees it: operations by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.iam.access import Access
from lambdad.iam.directory import Directory
from lambdad.services.sts import access as permissions
from lambdad.services.sts.assume import Assume
from lambdad.services.sts.identity import Identity
from lambdad.wire.api import Handler


class StsService:
    """A `wire.api.Service`. `key`: 32 bytes, the server's own, that seal session tokens; `now`: epoch seconds;
    `chance`: so many bytes that nobody can guess."""

    def __init__(
        self,
        directory: Directory,
        *,
        key: bytes,
        now: Callable[[], float],
        chance: Callable[[int], bytes],
        access: Access,
    ) -> None:
        assume = Assume(
            directory,
            key=key,
            now=now,
            chance=chance,
            access=access,
        )
        identity = Identity(directory)
        self._operations: Mapping[str, Handler] = {
            "AssumeRole": assume.role,
            "GetSessionToken": assume.session_token,
            "GetCallerIdentity": identity.caller,
            "GetAccessKeyInfo": identity.key_info,
        }

    def __repr__(self) -> str:
        return f"<StsService {len(self._operations)} operations>"

    @property
    def name(self) -> str:
        return "sts"

    @property
    def operations(self) -> Mapping[str, Handler]:
        return self._operations

    def needs(self, operation: str, caller: Caller, params: Mapping[str, Any]) -> Sequence[Need]:
        return permissions.needs(operation, caller, params)

    def resource_policy(self, need: Need) -> str | None:
        return None
