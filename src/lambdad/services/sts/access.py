"""Which permissions STS's operations need. Pure.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecuritytokenservice.html, and for what needs none
https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_getsessiontoken.html.
"""

from collections.abc import Mapping
from typing import Any, Final

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller

FREE: Final = frozenset({"AssumeRole", "GetCallerIdentity", "GetSessionToken"})
"""The role's trust policy takes part in AssumeRole, which therefore decides by itself (`assume`); the others are for everybody
who is known at all."""


def needs(operation: str, caller: Caller, params: Mapping[str, Any]) -> list[Need]:
    """Of a validated request."""
    return [] if operation in FREE else [Need(f"sts:{operation}", caller.account)]
