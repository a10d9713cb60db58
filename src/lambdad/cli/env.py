"""`lambdad env`: the variables that point AWS tools at lambdad."""

import os
import shlex
from typing import Literal

import click

from lambdad.cli.client import ACCOUNT, REGION, endpoint_of

Shell = Literal["bash", "fish", "powershell"]


@click.command()
@click.option(
    "--shell",
    type=click.Choice(["bash", "fish", "powershell"]),
    default="bash",
    show_default=True,
    help="Whose syntax; `bash` suits zsh, dash and every other POSIX shell.",
)
@click.option(
    "--endpoint-url",
    default=lambda: endpoint_of(os.environ),
    envvar="LAMBDAD_ENDPOINT_URL",
    show_default="http://127.0.0.1:4566",
    show_envvar=True,
    help="Where lambdad listens.",
)
@click.option("--region", default=REGION, show_default=True, help="AWS_DEFAULT_REGION.")
@click.option(
    "--account",
    default=ACCOUNT,
    envvar="LAMBDAD_ACCOUNT",
    show_default=True,
    show_envvar=True,
    help="Account to act in; twelve digits serve as the access key id.",
)
def env(shell: Shell, endpoint_url: str, region: str, account: str) -> None:
    """Print the variables that point AWS tools at lambdad.

    AWS CLI v2 (2.13 and later), boto3 and the other SDKs of since then understand AWS_ENDPOINT_URL.

    \b
    Examples:
      eval "$(lambdad env)"                                         bash, zsh, sh
      lambdad env --shell fish | source                             fish
      lambdad env --shell powershell | Out-String | Invoke-Expression
    """
    variables = {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "lambdad",
        "AWS_DEFAULT_REGION": region,
        # Else a live tail is sought at "stream-127.0.0.1".
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }
    for name, value in variables.items():
        click.echo(export(shell, name, value))


def export(shell: Shell, name: str, value: str) -> str:
    match shell:
        case "bash":
            return f"export {name}={shlex.quote(value)}"
        case "fish":
            escaped = value.replace("\\", "\\\\").replace("'", "\\'")
            return f"set -gx {name} '{escaped}'"
        case "powershell":
            escaped = value.replace("'", "''")
            return f"$Env:{name} = '{escaped}'"
