"""`lambdad iam`: questions about permissions."""

import json
import sys
import time
from collections.abc import Sequence

import click

from lambdad.cli.client import failures, target_of, target_options
from lambdad.cli.failure import Failure


class Unanswered(Failure):
    """There is no answer, while exit code 1 is one."""

    exit_code = 2


@click.group()
def iam() -> None:
    """Ask about permissions."""


@iam.command()
@click.argument("principal")
@click.argument("action")
@click.argument("resource", default="*")
@click.option("--context", multiple=True, metavar="KEY=VALUE", help="A condition key of the request; again for more values.")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@target_options
def explain(
    principal: str,
    action: str,
    resource: str,
    context: Sequence[str],
    as_json: bool,
    endpoint_url: str,
    region: str,
    account: str | None,
) -> None:
    """Say whether PRINCIPAL may do ACTION on RESOURCE, and which statement of which policy says so.

    PRINCIPAL is the ARN of a user, a role or a role's session, or a function, which acts as its execution role. RESOURCE is an
    ARN; without one it is an action that knows no resource. The policy of a function or a queue is asked too.

    The exit code is 0 where it is allowed, 1 where it is denied, 2 where that can't be told.

    \b
    Examples:
      lambdad iam explain resize sqs:SendMessage arn:aws:sqs:us-east-1:000000000000:orders
      lambdad iam explain arn:aws:iam::000000000000:user/ann lambda:ListFunctions
      lambdad iam explain resize s3:GetObject 'arn:aws:s3:::photos/a.jpg' --context aws:SourceIp=10.0.0.1
    """
    from lambdad.cli.explanation import explain_request
    from lambdad.cli.explanation_view import as_document, show

    target = target_of(endpoint_url, region, account)
    service, _, name = action.partition(":")
    if not (service and name) or "*" in action or "?" in action:
        raise click.BadParameter(f"{action!r} is not like sqs:SendMessage", param_hint="ACTION")
    if resource != "*" and not (resource.startswith("arn:") and resource.count(":") >= 5):
        raise click.BadParameter(f"{resource!r} is not an ARN", param_hint="RESOURCE")
    given = read_context(context)
    try:
        with failures(target):
            found = explain_request(principal, action, resource, given, target, time.time())
    except Failure as failure:
        raise Unanswered(failure.message) from failure
    if as_json:
        click.echo(json.dumps(as_document(found), indent=2, ensure_ascii=False))
    else:
        from rich.console import Console

        show(Console(highlight=False, soft_wrap=True), found)
    sys.exit(0 if found.allowed else 1)


def read_context(texts: Sequence[str]) -> dict[str, list[str]]:
    """Values by key, whose case does not count. Raises BadParameter."""
    found: dict[str, list[str]] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"{text!r} is not like KEY=VALUE", param_hint="--context")
        found.setdefault(key.lower(), []).append(value)
    return found
