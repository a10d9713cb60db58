"""`lambdad invoke`: call a function."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import click

from lambdad.cli.client import failures, make_client, target_of, target_options


@click.command()
@click.argument("function")
@click.option(
    "--payload",
    metavar="JSON|@FILE|-",
    default="{}",
    show_default=True,
    help="The event: JSON, or @ and a file's name, or - for standard input.",
)
@click.option("--event", is_flag=True, help="Do not wait for the answer (InvocationType Event).")
@click.option("--tail", is_flag=True, help="Show the end of the log, at most 4 KB, on stderr.")
@click.option("--qualifier", help="A version or an alias.")
@target_options
def invoke(
    function: str,
    payload: str,
    event: bool,
    tail: bool,
    qualifier: str | None,
    endpoint_url: str,
    region: str,
    account: str | None,
) -> None:
    """Call FUNCTION, a name or an ARN, and print its answer.

    When the function fails, its error goes to stderr and the exit code is 1.

    \b
    Examples:
      lambdad invoke hello
      lambdad invoke hello --payload '{"name": "world"}' --tail
      lambdad invoke hello:prod --payload @event.json
      echo '[1, 2]' | lambdad invoke hello --payload -
    """
    target = target_of(endpoint_url, region, account)
    request: dict[str, Any] = {"FunctionName": function, "Payload": read_payload(payload)}
    if event:
        request["InvocationType"] = "Event"
    elif tail:
        request["LogType"] = "Tail"
    if qualifier is not None:
        request["Qualifier"] = qualifier
    with failures(target):
        answer = make_client("lambda", target).invoke(**request)
        body: bytes = answer["Payload"].read()
    if "LogResult" in answer:
        click.echo(base64.b64decode(answer["LogResult"]).decode("utf-8", "replace").rstrip("\n"), err=True)
    if event:
        request_id = answer["ResponseMetadata"].get("RequestId", "unknown")
        click.echo(f"Accepted as {request_id}; `lambdad logs {function}` shows what became of it.", err=True)
    elif answer.get("FunctionError"):
        click.echo(describe_error(body), err=True)
        sys.exit(1)
    else:
        click.echo(body.removesuffix(b"\n") + b"\n", nl=False)


def read_payload(payload: str) -> bytes:
    """The bytes of the event. Raises BadParameter where they are not JSON or the file can't be read."""
    try:
        if payload == "-":
            data = sys.stdin.buffer.read()
        elif payload.startswith("@"):
            data = Path(payload[1:]).read_bytes()
        else:
            data = payload.encode()
    except OSError as error:
        raise click.BadParameter(f"{payload[1:]} can't be read: {error.strerror}", param_hint="--payload") from error
    if data.strip():
        try:
            json.loads(data)
        except (ValueError, RecursionError) as error:
            raise click.BadParameter(f"the event is not JSON: {error}", param_hint="--payload") from error
    return data


def describe_error(body: bytes) -> str:
    """A function's error for a reader: type, message, stack trace; or the payload as it is."""
    try:
        error = json.loads(body)
    except ValueError:
        error = None
    if not isinstance(error, dict) or not ("errorType" in error or "errorMessage" in error):
        return body.decode("utf-8", "replace")
    lines = [click.style(f"{error.get('errorType') or 'Error'}: {error.get('errorMessage') or ''}".rstrip(), fg="red")]
    trace = error.get("stackTrace") or error.get("trace") or []
    lines += [str(line).rstrip("\n") for line in trace] if isinstance(trace, list) else [str(trace)]
    return "\n".join(lines)
