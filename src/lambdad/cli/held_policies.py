"""Who a principal of IAM is, and the texts of the policies that hold for it, fetched by the public API."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal
from urllib.parse import unquote

import click

from lambdad.cli.client import Target, code_of, make_client
from lambdad.cli.failure import Failure
from lambdad.iam.arns import session_arn
from lambdad.iam.positions import places, position

ANY_SESSION: Final = "SESSION"
"""Stands for the name of a role's session where none is known."""


@dataclass(frozen=True, slots=True)
class Held:
    """One policy that is asked."""

    kind: Literal["identity", "boundary", "resource"]
    id: str
    """What simulations call it (SourcePolicyId)."""
    label: str
    """For readers, e.g. `inline policy own of role worker`."""
    document: str


@dataclass(frozen=True, slots=True)
class Cited:
    """A statement of a policy."""

    policy: Held
    index: int

    @property
    def text(self) -> str:
        place = places(self.policy.document)[self.index]
        return self.policy.document[place.start : place.end]

    @property
    def lines(self) -> tuple[int, int]:
        """First and last, from 1."""
        place, document = places(self.policy.document)[self.index], self.policy.document
        return position(document, place.start).line, position(document, place.end).line


@dataclass(frozen=True, slots=True)
class Asker:
    """A user, or the session of a role."""

    shown: str
    """As it was asked for: an ARN, or that of a function."""
    identity: str
    """ARN of the user or role."""
    caller: str
    """ARN of who calls: of the user or of the session."""
    account: str
    user_id: str
    """`aws:userid`."""
    tags: Mapping[str, str]
    boundary: str | None
    """ARN of the policy that bounds it."""
    context: Mapping[str, str] = field(default_factory=dict)
    """Condition keys of its requests, beyond those that every request has."""

    @property
    def kind(self) -> Literal["user", "role"]:
        return "user" if ":user/" in self.identity else "role"

    @property
    def name(self) -> str:
        return self.identity.rpartition("/")[2]


def iam_client(target: Target) -> Any:
    """One whose documents are left as they are written, where botocore would hand out what they mean."""
    from botocore.handlers import json_decode_policies

    client = make_client("iam", target)
    client.meta.events.unregister("after-call.iam", json_decode_policies)
    return client


def find_asker(principal: str, target: Target) -> Asker:
    """`principal`: ARN of a user, a role or a role's session; name or ARN of a function. Raises BadParameter, Failure and
    what botocore raises."""
    parts = principal.split(":", 5)
    if not principal.startswith("arn:"):
        return _function(principal, target)
    if len(parts) == 6:
        service, account, (kind, _, name) = parts[2], parts[4], parts[5].partition("/")
        here = replace(target, account=account)
        if service == "lambda":
            return _function(principal, replace(here, region=parts[3]))
        if (service, kind) == ("iam", "user"):
            return _user(principal, name.rpartition("/")[2], here)
        if (service, kind) == ("iam", "role"):
            return _role(principal, name.rpartition("/")[2], ANY_SESSION, here)
        if (service, kind) == ("sts", "assumed-role") and "/" in name:
            role, _, session = name.partition("/")
            return replace(_role(None, role, session, here), shown=principal)
    if parts[-1] == "root":
        raise click.BadParameter("the root user may do everything in its account", param_hint="PRINCIPAL")
    raise click.BadParameter(
        f"{principal} is neither the ARN of a user, a role or a role's session, nor a function", param_hint="PRINCIPAL"
    )


def _function(name: str, target: Target) -> Asker:
    found = make_client("lambda", target).get_function_configuration(FunctionName=name)
    role, arn = found["Role"], found["FunctionArn"]
    # The name is unqualified, as the role's session knows it.
    unqualified = ":".join(arn.split(":")[:7])
    try:
        asker = _role(role, role.rpartition("/")[2], found["FunctionName"], replace(target, account=role.split(":")[4]))
    except Exception as error:
        if code_of(error) == "NoSuchEntity":
            raise Failure(f"The execution role of {found['FunctionName']}, {role}, does not exist.") from error
        raise
    return replace(asker, shown=unqualified, context={"lambda:SourceFunctionArn": unqualified})


def _user(arn: str, name: str, target: Target) -> Asker:
    user = make_client("iam", target).get_user(UserName=name)["User"]
    _same(arn, user["Arn"])
    return Asker(arn, arn, arn, target.account, user["UserId"], _tags(user), _boundary(user))


def _role(arn: str | None, name: str, session: str, target: Target) -> Asker:
    role = make_client("iam", target).get_role(RoleName=name)["Role"]
    _same(arn or role["Arn"], role["Arn"])
    caller = session_arn(target.account, role["RoleName"], session)
    user_id = f"{role['RoleId']}:{session}"
    return Asker(role["Arn"], role["Arn"], caller, target.account, user_id, _tags(role), _boundary(role))


def _same(asked: str, found: str) -> None:
    if asked != found:
        raise Failure(f"There is no {asked}; there is {found}.")


def _tags(entity: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in entity.get("Tags") or ()}


def _boundary(entity: Mapping[str, Any]) -> str | None:
    found: str | None = (entity.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    return found


def held_policies(asker: Asker, client: Any) -> Iterator[Held]:
    """Its own, those of its groups, and its boundary. `client`: `iam_client` of its account."""
    yield from _of(client, asker.kind, asker.name)
    if asker.kind == "user":
        for group in client.list_groups_for_user(UserName=asker.name)["Groups"]:
            yield from _of(client, "group", group["GroupName"])
    if asker.boundary is not None:
        yield _managed(client, asker.boundary, "boundary", f"permissions boundary {asker.boundary}")


def _of(client: Any, kind: Literal["user", "role", "group"], name: str) -> Iterator[Held]:
    def call(operation: str) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(client, operation.format(kind))
        return found

    of = {f"{kind.title()}Name": name}
    for policy in call("list_{}_policies")(**of, MaxItems=1000)["PolicyNames"]:
        document = unquote(call("get_{}_policy")(**of, PolicyName=policy)["PolicyDocument"])
        yield Held("identity", f"{kind}_{name}_{policy}", f"inline policy {policy} of {kind} {name}", document)
    for policy in call("list_attached_{}_policies")(**of, MaxItems=1000)["AttachedPolicies"]:
        arn = policy["PolicyArn"]
        yield _managed(client, arn, "identity", f"managed policy {arn}{f' of group {name}' if kind == 'group' else ''}")


def _managed(client: Any, arn: str, kind: Literal["identity", "boundary"], label: str) -> Held:
    """The version that is in force."""
    policy = client.get_policy(PolicyArn=arn)["Policy"]
    version = client.get_policy_version(PolicyArn=arn, VersionId=policy["DefaultVersionId"])["PolicyVersion"]
    return Held(kind, policy["PolicyName"], label, unquote(version["Document"]))


def resource_policy(resource: str, target: Target) -> Held | None:
    """The resource's own, of a function or a queue of this lambdad; None where there is none."""
    parts = resource.split(":", 5)
    if len(parts) < 6:
        return None
    there = replace(target, region=parts[3] or target.region, account=parts[4] or target.account)
    document = None
    try:
        if parts[2] == "lambda" and parts[5].startswith("function:"):
            document = make_client("lambda", there).get_policy(FunctionName=resource)["Policy"]
        elif parts[2] == "sqs":
            client = make_client("sqs", there)
            url = client.get_queue_url(QueueName=parts[5])["QueueUrl"]
            found = client.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
            document = (found.get("Attributes") or {}).get("Policy")
    except Exception as error:
        if code_of(error) not in ("ResourceNotFoundException", "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"):
            raise
    return Held("resource", "ResourcePolicy", f"resource policy of {resource}", document) if document else None
