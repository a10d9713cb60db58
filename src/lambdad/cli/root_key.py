"""`lambdad root-key`: the first credentials of an account, where requests have to be signed."""

import os
import re
from pathlib import Path

import click

from lambdad.assembly.settings import default_data_dir
from lambdad.cli.client import ACCOUNT
from lambdad.cli.failure import Failure
from lambdad.domain.errors import LambdadError


@click.command("root-key")
@click.option(
    "--account", default=ACCOUNT, envvar="LAMBDAD_ACCOUNT", show_default=True, show_envvar=True, help="Twelve digits."
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="LAMBDAD_DATA_DIR",
    show_default="~/.local/share/lambdad",
    show_envvar=True,
    help="Of the lambdad that is to know it.",
)
def root_key(account: str, data_dir: Path | None) -> None:
    """Make an access key for the root user of an account, and show it, this once.

    Accounts need no making, but where requests have to be signed (`lambdad up --auth strict`) somebody has to be the first
    in one. A lambdad that runs knows the key within a second. To replace one, remove its file, run this, restart lambdad.

    \b
    Examples:
      lambdad root-key --account 222222222222
      export $(lambdad root-key --account 222222222222)
    """
    from lambdad.assembly.root_keys import FOLDER, RootKeys

    if not re.fullmatch(r"\d{12}", account, re.ASCII):
        raise click.BadParameter(f"{account!r} is not an account of twelve digits", param_hint="--account")
    place = data_dir or default_data_dir(os.environ)
    if not place.is_dir():
        raise Failure(f"{place} is no data directory of lambdad; start it there first.")
    roots = RootKeys(place)
    try:
        if roots.of(account) is not None:
            raise Failure(f"The root user of {account} has a key already; it is in {place / FOLDER / account}.")
        key = roots.make(account)
    except LambdadError as error:
        raise Failure(error.message) from error
    click.echo(f"AWS_ACCESS_KEY_ID={key.access_key_id}\nAWS_SECRET_ACCESS_KEY={key.secret_access_key}")
