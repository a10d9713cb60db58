"""STS as the edge sees it: operations by name."""

from collections.abc import Callable, Mapping

from lambdad.iam.access import Access, SessionOf
from lambdad.iam.directory import Directory
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
        session_of: SessionOf = lambda caller: None,
    ) -> None:
        assume = Assume(
            directory,
            key=key,
            now=now,
            chance=chance,
            access=Access(directory, now, session_of),
            session_of=session_of,
        )
        identity = Identity(directory, session_of)
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
