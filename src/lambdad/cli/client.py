"""Ordinary clients of the public API: where lambdad is, botocore clients for it, their errors as sentences."""

import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import click

from lambdad.cli.failure import Failure

ACCOUNT = "000000000000"
REGION = "us-east-1"
READ_TIMEOUT = 910
"""Seconds: the longest that a function may run, 900, and some for the way."""

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Target:
    """Which lambdad, and as whom."""

    endpoint_url: str
    region: str = REGION
    account: str = ACCOUNT


def endpoint_of(environment: Mapping[str, str]) -> str:
    """Where `lambdad up` listens with the same LAMBDAD_HOST and LAMBDAD_PORT."""
    host = environment.get("LAMBDAD_HOST") or "127.0.0.1"
    port = environment.get("LAMBDAD_PORT") or "4566"
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1"  # "everywhere" is no place to go to
    return f"http://{f'[{host}]' if ':' in host else host}:{'4566' if port == '0' else port}"


def endpoint_option(function: Decorated) -> Decorated:
    """For commands to which account and region mean nothing; they get it as `endpoint_url`."""
    return click.option(
        "--endpoint-url",
        default=lambda: endpoint_of(os.environ),
        envvar=["LAMBDAD_ENDPOINT_URL", "AWS_ENDPOINT_URL"],
        show_default="http://127.0.0.1:4566",
        show_envvar=True,
        help="Where lambdad listens.",
    )(function)


def target_options(function: Decorated) -> Decorated:
    """The options that every client command has; the command gets them as `endpoint_url`, `region` and `account`."""
    for option in (
        click.option(
            "--account",
            default=ACCOUNT,
            envvar="LAMBDAD_ACCOUNT",
            show_default=True,
            show_envvar=True,
            help="Account to act in: twelve digits.",
        ),
        click.option(
            "--region",
            default=REGION,
            envvar=["AWS_REGION", "AWS_DEFAULT_REGION"],
            show_default=True,
            show_envvar=True,
            help="Region to act in. lambdad serves every region, each on its own.",
        ),
        endpoint_option,
    ):
        function = option(function)
    return function


def make_client(service: str, target: Target) -> Any:
    """A botocore client that looks at nothing of the user's AWS configuration: no profile, no keys, no proxy."""
    import botocore.session
    from botocore.config import Config

    nothing = (None, None, None, None)
    session = botocore.session.Session(
        session_vars={"profile": nothing, "config_file": (None, None, os.devnull, None), "ca_bundle": nothing}
    )
    return session.create_client(
        service,
        region_name=target.region,
        endpoint_url=target.endpoint_url,
        aws_access_key_id=target.account,
        aws_secret_access_key="lambdad",
        config=Config(
            connect_timeout=5,
            read_timeout=READ_TIMEOUT,
            retries={"max_attempts": 0},
            proxies={},
            inject_host_prefix=False,
            parameter_validation=False,
            user_agent_extra="lambdad-cli",
        ),
    )


@contextlib.contextmanager
def failures(target: Target, patience: int = READ_TIMEOUT) -> Iterator[None]:
    """`patience`: seconds that an answer was waited for. Turns what botocore raises into Failure."""
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        ConnectionClosedError,
        ConnectTimeoutError,
        EndpointConnectionError,
        ReadTimeoutError,
    )

    try:
        yield
    except (EndpointConnectionError, ConnectTimeoutError) as error:
        raise Failure(f"No lambdad answers at {target.endpoint_url}; start one with `lambdad up`.") from error
    except ConnectionClosedError as error:
        raise Failure(f"The lambdad at {target.endpoint_url} hung up; it may have been stopped.") from error
    except ReadTimeoutError as error:
        raise Failure(f"The lambdad at {target.endpoint_url} gave no answer within {patience} seconds.") from error
    except ClientError as error:
        details = error.response.get("Error", {})
        raise Failure(f"{details.get('Message') or error} ({details.get('Code', 'unknown error')})") from error
    except (BotoCoreError, ValueError) as error:
        raise Failure(str(error)) from error


def code_of(error: Exception) -> str:
    """The AWS code of a botocore ClientError, "" of anything else."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, Mapping) else ""
