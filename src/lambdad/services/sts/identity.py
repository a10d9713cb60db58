"""Who somebody is: GetCallerIdentity, GetAccessKeyInfo."""

from typing import Any

from lambdad.domain.caller import Caller
from lambdad.iam.arns import parse_principal
from lambdad.iam.directory import Directory
from lambdad.iam.ids import account_of
from lambdad.services.sts import errors


class Identity:
    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    async def caller(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """Never denied to who is known at all."""
        return {"UserId": self._unique_id(caller), "Account": caller.account, "Arn": caller.principal_arn}

    def _unique_id(self, caller: Caller) -> str:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html, "aws:userid"."""
        claims, principal = caller.session, parse_principal(caller.principal_arn)
        if claims is not None and claims.role_id is not None:
            return f"{claims.role_id}:{claims.name}"
        if principal is None or principal.kind == "root":
            return caller.account
        identity = self._directory.identity_of(caller.principal_arn)
        found = identity.id if identity is not None else principal.name
        return f"{found}:{principal.session}" if principal.kind == "role" else found

    async def key_info(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """The account that the id names, whether there is such a key or not, as on AWS."""
        account = account_of(params["AccessKeyId"])
        if account is None:
            raise errors.validation("Access key id is not valid.")
        return {"Account": account}
