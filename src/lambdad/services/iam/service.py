"""IAM as the edge sees it: operations by name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lambdad.domain.access import Need
from lambdad.domain.caller import Caller
from lambdad.iam.directory import Directory
from lambdad.iam.write import Writer
from lambdad.services.iam import access
from lambdad.services.iam.access_keys import AccessKeys
from lambdad.services.iam.account import Account
from lambdad.services.iam.attachments import Attachments
from lambdad.services.iam.groups import Groups
from lambdad.services.iam.inline import InlinePolicies
from lambdad.services.iam.kinds import GROUP, ROLE, USER, Kind
from lambdad.services.iam.ledger import Handler, Ledger
from lambdad.services.iam.policies import Policies, own_policy
from lambdad.services.iam.roles import Roles
from lambdad.services.iam.simulate import Simulation
from lambdad.services.iam.tags import Find, Tags
from lambdad.services.iam.users import Users
from lambdad.services.iam.versions import Versions
from lambdad.substrate.api import KeyValue


class IamService:
    """A `wire.api.Service`; `directory` is started and closed by whoever made it.

    `now`: epoch seconds; `chance`: so many bytes that nobody can guess.
    """

    def __init__(
        self,
        directory: Directory,
        key_values: KeyValue,
        *,
        now: Callable[[], float],
        chance: Callable[[int], bytes],
    ) -> None:
        self._directory = directory
        writer = Writer(key_values, directory.current)
        ledger = Ledger(directory, writer, now=now, chance=chance)
        self._operations: Mapping[str, Handler] = {
            **_users(ledger),
            **_roles(ledger),
            **_policies(ledger),
            **_groups(ledger),
            **_policies_of(ledger, USER),
            **_policies_of(ledger, GROUP),
            **_policies_of(ledger, ROLE),
            **_bounds_of(ledger, USER),
            **_bounds_of(ledger, ROLE),
            **_account(ledger),
            **_simulation(ledger),
        }

    def __repr__(self) -> str:
        return f"<IamService {len(self._operations)} operations>"

    @property
    def name(self) -> str:
        return "iam"

    @property
    def operations(self) -> Mapping[str, Handler]:
        return self._operations

    def needs(self, operation: str, caller: Caller, params: Mapping[str, Any]) -> Sequence[Need]:
        return access.needs(operation, caller, params, self._directory)

    def resource_policy(self, need: Need) -> str | None:
        return None


def _simulation(ledger: Ledger) -> dict[str, Handler]:
    simulation = Simulation(ledger)
    return {"SimulatePrincipalPolicy": simulation.principal, "SimulateCustomPolicy": simulation.custom}


def _users(ledger: Ledger) -> dict[str, Handler]:
    users, keys = Users(ledger), AccessKeys(ledger)
    return {
        "CreateUser": users.create,
        "GetUser": users.get,
        "ListUsers": users.list,
        "UpdateUser": users.update,
        "DeleteUser": users.delete,
        "CreateAccessKey": keys.create,
        "ListAccessKeys": keys.list,
        "UpdateAccessKey": keys.update,
        "DeleteAccessKey": keys.delete,
        "GetAccessKeyLastUsed": keys.last_used,
    }


def _roles(ledger: Ledger) -> dict[str, Handler]:
    roles = Roles(ledger)
    return {
        "CreateRole": roles.create,
        "GetRole": roles.get,
        "ListRoles": roles.list,
        "UpdateRole": roles.update,
        "UpdateRoleDescription": roles.update_description,
        "UpdateAssumeRolePolicy": roles.update_trust,
        "DeleteRole": roles.delete,
        "ListInstanceProfilesForRole": roles.instance_profiles,
    }


def _policies(ledger: Ledger) -> dict[str, Handler]:
    policies, versions = Policies(ledger), Versions(ledger)
    return {
        "CreatePolicy": policies.create,
        "GetPolicy": policies.get,
        "ListPolicies": policies.list,
        "DeletePolicy": policies.delete,
        "ListEntitiesForPolicy": policies.entities,
        "CreatePolicyVersion": versions.create,
        "GetPolicyVersion": versions.get,
        "ListPolicyVersions": versions.list,
        "SetDefaultPolicyVersion": versions.set_default,
        "DeletePolicyVersion": versions.delete,
        **_tags(ledger, own_policy, "Policy"),
    }


def _groups(ledger: Ledger) -> dict[str, Handler]:
    groups = Groups(ledger)
    return {
        "CreateGroup": groups.create,
        "GetGroup": groups.get,
        "ListGroups": groups.list,
        "UpdateGroup": groups.update,
        "DeleteGroup": groups.delete,
        "AddUserToGroup": groups.add_user,
        "RemoveUserFromGroup": groups.remove_user,
        "ListGroupsForUser": groups.list_of_user,
    }


def _policies_of(ledger: Ledger, kind: Kind) -> dict[str, Handler]:
    inline, attachments, noun = InlinePolicies(ledger, kind), Attachments(ledger, kind), kind.title
    return {
        f"Put{noun}Policy": inline.put,
        f"Get{noun}Policy": inline.get,
        f"List{noun}Policies": inline.list,
        f"Delete{noun}Policy": inline.delete,
        f"Attach{noun}Policy": attachments.attach,
        f"Detach{noun}Policy": attachments.detach,
        f"ListAttached{noun}Policies": attachments.list,
    }


def _bounds_of(ledger: Ledger, kind: Kind) -> dict[str, Handler]:
    attachments = Attachments(ledger, kind)
    return {
        f"Put{kind.title}PermissionsBoundary": attachments.put_boundary,
        f"Delete{kind.title}PermissionsBoundary": attachments.delete_boundary,
        **_tags(ledger, kind.named, kind.title),
    }


def _tags(ledger: Ledger, find: Find, noun: str) -> dict[str, Handler]:
    tags = Tags(ledger, find)
    return {f"Tag{noun}": tags.add, f"Untag{noun}": tags.remove, f"List{noun}Tags": tags.list}


def _account(ledger: Ledger) -> dict[str, Handler]:
    account = Account(ledger)
    return {
        "ListAccountAliases": account.aliases,
        "GetAccountSummary": account.summary,
    }
