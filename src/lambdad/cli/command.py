"""The group of the commands."""

import click

from lambdad.cli.doctor import doctor
from lambdad.cli.env import env
from lambdad.cli.iam import iam
from lambdad.cli.invoke import invoke
from lambdad.cli.logs import logs
from lambdad.cli.root_key import root_key
from lambdad.cli.status import status
from lambdad.cli.up import up

EPILOG = """\b
Start here:
  lambdad up                      run lambdad in this terminal
  eval "$(lambdad env)"           in another one: point AWS tools at it
  aws lambda list-functions       and use them as ever
"""


@click.group(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="lambdad", message="lambdad %(version)s")
def command() -> None:
    """AWS Lambda on your own machines.

    Unmodified functions, clients and tools, a real sandbox around every function, no Docker.
    """


for each in (up, doctor, invoke, logs, status, env, iam, root_key):
    command.add_command(each)
