"""Ordinary clients of the public API: where lambdad is, botocore clients for it, their errors as sentences."""

import contextlib
import os
import re
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
    credentials: tuple[str, str, str | None] | None = None
    """Access key id, secret and session token; None: the root user of `account`, where lambdad lets in anybody."""


def target_of(endpoint_url: str, region: str, account: str | None, environment: Mapping[str, str] | None = None) -> Target:
    """As who the environment says (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN), unless an account is named."""
    found = os.environ if environment is None else environment
    key, secret = found.get("AWS_ACCESS_KEY_ID"), found.get("AWS_SECRET_ACCESS_KEY")
    if account is not None or not key or not secret:
        return Target(endpoint_url, region, account or ACCOUNT)
    if re.fullmatch(r"\d{12}", key, re.ASCII):
        return Target(endpoint_url, region, key)
    return Target(endpoint_url, region, ACCOUNT, (key, secret, found.get("AWS_SESSION_TOKEN") or None))


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
            default=None,
            envvar="LAMBDAD_ACCOUNT",
            show_default=f"that of AWS_ACCESS_KEY_ID, else {ACCOUNT}",
            show_envvar=True,
            help="Account to act in, as its root user: twelve digits.",
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
    """A botocore client that looks at nothing of the user's AWS configuration: no profile, no proxy."""
    import botocore.session
    from botocore.config import Config

    key, secret, token = target.credentials or (target.account, "lambdad", None)
    nothing = (None, None, None, None)
    session = botocore.session.Session(
        session_vars={"profile": nothing, "config_file": (None, None, os.devnull, None), "ca_bundle": nothing}
    )
    return session.create_client(
        service,
        region_name=target.region,
        endpoint_url=target.endpoint_url,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
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
