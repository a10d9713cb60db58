"""`lambdad logs`: a function's log, once or as it grows."""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import click

from lambdad.cli.client import Target, code_of, failures, make_client, target_of, target_options
from lambdad.cli.failure import Failure

POLL = 0.5
"""Seconds between looks while following."""
OVERLAP_MS = 10_000
"""How far behind the newest event seen each look begins: events of another environment may be stored a little later."""

_AGO = re.compile(r"(\d+)\s*(ms|s|m|h|d|w)", re.ASCII)
_UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
_PLATFORM = ("INIT_START ", "INIT_REPORT ", "START RequestId: ", "END RequestId: ", "REPORT RequestId: ")
_ALARMING = re.compile(r"\[ERROR\]|\bERROR\b|Task timed out after|Runtime exited")


@click.command()
@click.argument("function")
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C, showing what is written.")
@click.option("--since", default="1h", show_default=True, help="How far back: 90s, 5m, 2h, 1d, 1w, or a time in ISO 8601.")
@click.option("--filter", "pattern", default="", metavar="PATTERN", help="A filter pattern of CloudWatch Logs.")
@click.option("--plain", is_flag=True, help="Only the messages, without their times.")
@target_options
def logs(
    function: str,
    follow: bool,
    since: str,
    pattern: str,
    plain: bool,
    endpoint_url: str,
    region: str,
    account: str | None,
) -> None:
    """Show the log of FUNCTION: a name, an ARN, or a log group that begins with a slash.

    \b
    Examples:
      lambdad logs hello
      lambdad logs hello -f --since 5m
      lambdad logs hello --filter ERROR
      lambdad logs hello --filter '{ $.level = "ERROR" }' --since 2026-11-21T10:00:00Z
      lambdad logs /my/own/group --plain
    """
    target = target_of(endpoint_url, region, account)
    start_ms = parse_since(since, int(time.time() * 1000))
    with failures(target):
        group = group_of(function, make_client("lambda", target))
        client = make_client("logs", target)
        try:
            shown = show(client, group, start_ms, pattern, follow, plain, time.sleep)
        except KeyboardInterrupt:
            return  # the ordinary end of following
        except NoGroup as error:
            raise Failure(silence(function, target) or error.message) from error
        if not shown:
            why = silence(function, target) or f"Nothing in {group} since {since} ago{' that matches' if pattern else ''}."
            click.echo(why, err=True)


class NoGroup(Failure):
    """There is no such log group."""


def silence(function: str, target: Target) -> str | None:
    """Why there are no logs, where that is because the function's execution role may not write them."""
    if function.startswith("/"):
        return None
    try:
        found = make_client("lambda", target).get_function_configuration(FunctionName=function)
        group = (found.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{found['FunctionName']}"
        _, _, _, region, account, *_ = found["FunctionArn"].split(":")
        answer = make_client("iam", target).simulate_principal_policy(
            PolicySourceArn=found["Role"],
            ActionNames=[f"logs:{each}" for each in ("CreateLogGroup", "CreateLogStream", "PutLogEvents")],
            ResourceArns=[f"arn:aws:logs:{region}:{account}:log-group:{group}:log-stream:any"],
        )
    except Exception as error:
        if code_of(error):
            return None  # there is no such function or role, or the caller may not ask
        raise
    denied = [each["EvalActionName"] for each in answer["EvaluationResults"] if each["EvalDecision"] != "allowed"]
    if not denied:
        return None
    return (
        f"The execution role of {found['FunctionName']} does not allow {', '.join(denied)}, so its logs are lost: "
        f"attach AWSLambdaBasicExecutionRole to {found['Role']}."
    )


def group_of(function: str, client: Any) -> str:
    """The log group that the function writes to; of a deleted one, where it wrote by default."""
    if function.startswith("/"):
        return function
    try:
        configuration = client.get_function_configuration(FunctionName=function)
    except client.exceptions.ResourceNotFoundException:
        name = function.split(":function:")[-1].split(":")[0]
        return f"/aws/lambda/{name}"
    group = (configuration.get("LoggingConfig") or {}).get("LogGroup")
    return str(group or f"/aws/lambda/{configuration['FunctionName']}")


def show(
    client: Any, group: str, start_ms: int, pattern: str, follow: bool, plain: bool, sleep: Callable[[float], object]
) -> int:
    """Print what there is, and while following what comes; answers how many events were shown."""
    seen: dict[str, int] = {}
    newest_ms = start_ms
    shown = 0
    while True:
        for event in _events(client, group, start_ms, pattern, missing_is_empty=follow):
            if event["eventId"] in seen:
                continue
            seen[event["eventId"]] = event["timestamp"]
            newest_ms = max(newest_ms, event["timestamp"])
            click.echo(render(event["timestamp"], event["message"], plain))
            shown += 1
        if not follow:
            return shown
        start_ms = max(start_ms, newest_ms - OVERLAP_MS)
        seen = {name: time_ms for name, time_ms in seen.items() if time_ms >= start_ms}
        sleep(POLL)


def _events(client: Any, group: str, start_ms: int, pattern: str, missing_is_empty: bool) -> Iterator[Mapping[str, Any]]:
    request: dict[str, Any] = {"logGroupName": group, "startTime": start_ms}
    if pattern:
        request["filterPattern"] = pattern
    while True:
        try:
            page = client.filter_log_events(**request)
        except client.exceptions.ClientError as error:
            if code_of(error) != "ResourceNotFoundException":
                raise
            if missing_is_empty:
                return  # it comes with the first event
            raise NoGroup(f"There is no log group {group}: the function has not run yet, or there is none.") from error
        yield from page["events"]
        if "nextToken" not in page:
            return
        request["nextToken"] = page["nextToken"]


def render(time_ms: int, message: str, plain: bool) -> str:
    """One event: its local time and its text, Lambda's own lines dimmed, errors in red (on a terminal)."""
    text = message.rstrip()
    if plain:
        return text
    if text.startswith(_PLATFORM):
        text = click.style(text, dim=True)
    elif _ALARMING.search(text):
        text = click.style(text, fg="red")
    moment = datetime.fromtimestamp(time_ms / 1000).astimezone()
    return f"{click.style(moment.strftime('%H:%M:%S.') + f'{time_ms % 1000:03d}', fg='cyan')}  {text}"


def parse_since(text: str, now_ms: int) -> int:
    """Epoch ms. Raises BadParameter."""
    found = _AGO.fullmatch(text.strip())
    if found is not None:
        return max(0, now_ms - int(found[1]) * _UNITS_MS[found[2]])
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is neither like 90s, 5m, 2h, 1d, 1w nor a time like 2026-11-21T10:00:00Z", param_hint="--since"
        ) from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, int(moment.timestamp() * 1000))
