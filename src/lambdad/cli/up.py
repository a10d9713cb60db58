"""`lambdad up`: a node in this terminal."""

import dataclasses
import errno
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from lambdad.assembly.settings import Settings, default_data_dir
from lambdad.cli.failure import Failure
from lambdad.domain.errors import LambdadError

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

_DEFAULTS = {field.name: field.default for field in dataclasses.fields(Settings) if field.default is not dataclasses.MISSING}


def _setting(name: str, kind: Any, help: str, *, shown: str | None = None) -> Callable[[Decorated], Decorated]:
    """An option for one field of Settings; its environment variable is LAMBDAD_ and the field's name."""
    default = _DEFAULTS.get(name)
    return click.option(
        f"--{name.replace('_', '-')}",
        name,
        type=kind,
        default=default,
        envvar=f"LAMBDAD_{name.upper()}",
        show_envvar=True,
        show_default=shown or default is not None,
        help=help,
    )


def _remote(text: str) -> tuple[str, str]:
    account, _, profile = text.partition("=")
    if not re.fullmatch(r"\d{12}", account) or not profile:
        raise click.BadParameter(f"'{text}' is not an account of twelve digits, `=`, and a profile.")
    _require_profile(profile)
    return account, profile


def _require_profile(profile: str) -> None:
    from botocore.session import Session

    if profile not in Session().available_profiles:
        raise click.BadParameter(f"AWS's configuration files have no profile '{profile}'.")


def _endpoint(text: str) -> tuple[str, str]:
    from lambdad.services.companions.backends import OWN
    from lambdad.services.companions.endpoint import FORM
    from lambdad.wire.models import Models, UnknownService

    service, _, address = text.partition("=")
    found = FORM.fullmatch(address)
    if found is None:
        raise click.BadParameter(
            f"'{text}' is not a service, `=`, an address such as http://127.0.0.1:8000, perhaps `,PROFILE`."
        )
    if service in OWN:
        raise click.BadParameter(f"lambdad has the service '{service}' itself.")
    try:
        Models().load(service)
    except UnknownService:
        raise click.BadParameter(f"AWS has no service '{service}'; botocore's names are meant, e.g. dynamodb.") from None
    if found[4] is not None:
        _require_profile(found[4])
    return service, address


@click.command()
@_setting("host", str, "Address to listen on.")
@_setting("port", click.IntRange(0, 65535), "Port to listen on; 0 takes a free one.")
@_setting(
    "data_dir",
    click.Path(file_okay=False, path_type=Path),
    "Where functions, code and logs live; one lambdad at a time.",
    shown="~/.local/share/lambdad",
)
@_setting(
    "auth",
    click.Choice(["any", "strict"]),
    "Whether any credentials are the root user, or every request must be signed by credentials that lambdad gave out.",
    shown="`any` on loopback addresses, else `strict`",
)
@_setting(
    "isolation",
    click.Choice(["namespaces", "process"]),
    "How functions are kept apart. `process` is none at all: for development where the host has no namespaces.",
    shown="the strongest that the host offers",
)
@_setting(
    "network",
    click.Choice(["none", "aws", "egress"]),
    "How far functions reach: the Runtime API alone, lambdad's AWS endpoint too, or the outside too, as on AWS.",
    shown="egress where the host can do it, else aws",
)
@_setting("account", str, "Account of callers whose access key id is not itself twelve digits.")
@_setting("concurrency", click.IntRange(0), "Concurrent executions per account and region.")
@_setting("requests_per_concurrency", click.IntRange(0), "Requests per second for each unit of concurrency; 0: any number.")
@_setting("scaling_rate", click.IntRange(0), "Environments that a function may gain in ten seconds; 0: any number.")
@_setting("keep_warm", click.FloatRange(0), "Seconds that an idle environment is kept.")
@_setting("stems", click.IntRange(0), "Sandboxes kept ready for each runtime in use, at least.")
@_setting("most_stems", click.IntRange(0), "Sandboxes kept ready for one runtime at most.")
@_setting("freeze_after", click.FloatRange(0), "Seconds without an invocation until a function is frozen; 0: never.")
@_setting("parallel_starts", click.IntRange(1), "Environments that are made at a time.", shown="two for each processor")
@_setting("max_age", click.FloatRange(1), "Seconds after which an environment is replaced by a new one.")
@_setting(
    "memory_floor",
    click.IntRange(0),
    "MB the host is to have left; under that idle environments end. 0 turns this off.",
    shown="a twentieth of the host's, at most 1024",
)
@_setting("memory", click.IntRange(1), "MB that environments may be promised together.", shown="no limit")
@_setting("connections", click.IntRange(1), "Connections of clients at a time; idle ones go first.")
@_setting("grace", click.FloatRange(0), "Seconds that running requests get to finish when lambdad stops.")
@_setting("retry_delay", click.FloatRange(0), "Seconds before the first retry of a failed asynchronous invocation.")
@click.option(
    "--companions/--no-companions",
    default=_DEFAULTS["companions"],
    envvar="LAMBDAD_COMPANIONS",
    show_envvar=True,
    show_default=True,
    help="Whether moto, where it is installed, answers for AWS's services that lambdad does not have itself.",
)
@click.option(
    "--companion",
    multiple=True,
    metavar="SERVICE=URL[,PROFILE]",
    callback=lambda _context, _option, given: dict(_endpoint(each) for each in given),
    envvar="LAMBDAD_COMPANION",
    show_envvar=True,
    help="That service is at another endpoint, e.g. dynamodb=http://127.0.0.1:8000; requests are signed by the profile.",
)
@click.option(
    "--remote-queues",
    multiple=True,
    metavar="ACCOUNT=PROFILE",
    callback=lambda _context, _option, given: dict(_remote(each) for each in given),
    envvar="LAMBDAD_REMOTE_QUEUES",
    show_envvar=True,
    help="Event source mappings reach the SQS queues of that account by this profile of AWS's configuration files.",
)
def up(**options: Any) -> None:
    """Run lambdad in this terminal until Ctrl-C or SIGTERM.

    When it is ready it prints one line with its address, the isolation it uses, how far functions reach, and the runtimes it
    found. Everything it is given is on disk before it answers; stop it and start it again as you like.

    \b
    Examples:
      lambdad up
      lambdad up --port 0 --data-dir ./state
      LAMBDAD_ISOLATION=process lambdad up
    """
    from lambdad.assembly.node import Ready
    from lambdad.assembly.run import run

    if options["data_dir"] is None:
        options["data_dir"] = default_data_dir(os.environ)
    settings = Settings(**options)

    def ready(node: Ready) -> None:
        if node.root_key is not None:
            click.echo(
                f"The root user of account {node.root_key.account} has a new access key, which is not shown again:\n"
                f"  AWS_ACCESS_KEY_ID={node.root_key.access_key_id}\n"
                f"  AWS_SECRET_ACCESS_KEY={node.root_key.secret_access_key}"
            )
        click.echo(
            f"lambdad is ready at {node.url} (isolation: {node.isolation}; network: {node.network}; "
            f"runtimes: {', '.join(node.runtimes) or 'none'})"
        )

    home = os.environ.get("HOME")
    try:
        run(settings, ready, home=Path(home) if home else None, path=os.environ.get("PATH", os.defpath))
    except (LambdadError, OSError, ExceptionGroup) as error:
        sentence = explain(error, settings)
        if sentence is None:
            raise
        raise Failure(sentence) from error


def explain(error: Exception, settings: Settings) -> str | None:
    """Why lambdad can't start, for the reader of a terminal; None for what only a trace explains."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    if isinstance(error, LambdadError):
        return error.message
    if not isinstance(error, OSError):
        return None
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {settings.port} of {settings.host} is in use, perhaps by another lambdad; "
                "stop that, or choose another with --port."
            )
        case errno.EADDRNOTAVAIL:
            return f"{settings.host} is no address of this host; choose another with --host."
        case errno.EACCES | errno.EPERM if error.filename is None:
            return f"Not allowed to listen on port {settings.port} of {settings.host}; choose one above 1023 with --port."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{error.filename} can't be written by this user; choose another directory with --data-dir."
        case errno.ENOSPC | errno.EDQUOT:
            return f"No space is left for {error.filename or settings.data_dir}; free some, or choose another --data-dir."
        case errno.ENOTDIR | errno.EEXIST:
            return f"{error.filename} is not a directory; choose another with --data-dir."
        case _:
            return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
