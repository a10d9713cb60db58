"""What IAM says of an account as a whole."""

from typing import Any

from lambdad.domain.caller import Caller
from lambdad.services.iam import checks
from lambdad.services.iam.ledger import Ledger


class Account:
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def aliases(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        """There are none."""
        return {"AccountAliases": [], "IsTruncated": False}

    async def summary(self, caller: Caller, params: dict[str, Any]) -> dict[str, Any]:
        directory, account = self._ledger.directory, caller.account
        counts = {
            "Users": len(directory.users(account)),
            "UsersQuota": checks.USERS,
            "Roles": len(directory.roles(account)),
            "RolesQuota": checks.ROLES,
            "Policies": len(directory.policies(account)),
            "PoliciesQuota": checks.POLICIES,
            "Groups": len(directory.groups(account)),
            "GroupsQuota": checks.GROUPS,
            "GroupsPerUserQuota": checks.MEMBERSHIPS,
            "AccessKeysPerUserQuota": checks.KEYS,
            "AttachedPoliciesPerUserQuota": checks.ATTACHED,
            "AttachedPoliciesPerGroupQuota": checks.ATTACHED,
            "AttachedPoliciesPerRoleQuota": checks.ATTACHED,
            "AssumeRolePolicySizeQuota": checks.TRUST,
            "UserPolicySizeQuota": checks.INLINE_USER,
            "GroupPolicySizeQuota": checks.INLINE_GROUP,
            "RolePolicySizeQuota": checks.INLINE_ROLE,
            "PolicySizeQuota": checks.MANAGED,
            "VersionsPerPolicyQuota": checks.VERSIONS,
        }
        return {"SummaryMap": counts}
