"""The environment variables of an execution environment, and what its runtime is told to run. Pure.

Names, values and which of them a user may set: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
and recordings of what functions see on AWS.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from lambdad.domain.functions import Version
from lambdad.domain.runtimes import RUNTIMES, Family
from lambdad.worker.api import Initialization

WRAPPER: Final = "AWS_LAMBDA_EXEC_WRAPPER"
_OPT: Final = "/opt"
"""Where layers are on AWS, and what a runtime takes for granted unless it is told otherwise."""
_XRAY: Final = "169.254.100.1"


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things are, as the inside of the sandbox calls them."""

    task_root: str = "/var/task"
    opt_root: str = _OPT
    tmp: str = "/tmp"
    runtime_root: str = "/var/runtime"
    executable: str | None = None
    """The interpreter; None: where AWS has it, below /var/lang."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an environment's variables say of the environment itself."""

    log_stream: str
    initialization: Initialization
    runtime_api: str
    """Address, `host:port`; "" where there is none."""
    credentials: Mapping[str, str]
    """AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN of the execution role."""
    endpoint: str | None = None
    """AWS_ENDPOINT_URL: lambdad's own endpoint, as the inside calls it."""
    paths: Paths = Paths()


def variables(version: Version, place: Place) -> dict[str, str]:
    """Everything the runtime process finds in its environment: defaults, then the user's, then what nobody may change."""
    return {**_defaults(version, place), **(version.environment or {}), **_reserved(version, place)}


def start_head(version: Version, place: Place) -> dict[str, Any]:
    """The head of the channel's START frame."""
    environment = variables(version, place)
    head: dict[str, Any] = {
        "handler": version.handler or "",
        "environment": environment,
        "cwd": place.paths.task_root,
    }
    if place.paths.opt_root != _OPT:
        head["opt_root"] = place.paths.opt_root
    if _family(version) == "provided":
        roots = (place.paths.runtime_root, place.paths.task_root, place.paths.opt_root)
        head["bootstraps"] = [f"{root}/bootstrap" for root in roots]
    elif environment.get(WRAPPER):
        head["argv"] = [environment[WRAPPER], *_command(version, place.paths)]
    return head


def runtime_version(runtime: str | None, language_version: str) -> str:
    """As INIT_START names it, e.g. `python:3.12.v1` for Python 3.12.1; "" where the runtime has no version of its own."""
    known = RUNTIMES.get(runtime or "")
    if known is None or not known.version or not language_version:
        return ""
    patch = language_version.removeprefix(known.version).strip(".").replace(".", "-") or "0"
    return f"{known.family}:{known.version}.v{patch}"


def _family(version: Version) -> Family:
    known = RUNTIMES.get(version.runtime or "")
    return "provided" if known is None else known.family


def _command(version: Version, paths: Paths) -> list[str]:
    """What a wrapper script is given to run."""
    known = RUNTIMES[version.runtime or ""]
    match known.family:
        case "python":
            return [paths.executable or f"/var/lang/bin/python{known.version}", f"{paths.runtime_root}/bootstrap.py"]
        case "nodejs":
            return [paths.executable or "/var/lang/bin/node", f"{paths.runtime_root}/index.mjs"]
        case _:
            return [f"{paths.runtime_root}/bootstrap"]


def _reserved(version: Version, place: Place) -> dict[str, str]:
    paths = place.paths
    reserved = {
        "_HANDLER": version.handler or "",
        "AWS_DEFAULT_REGION": version.region,
        "AWS_REGION": version.region,
        "AWS_LAMBDA_FUNCTION_NAME": version.name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(version.memory_size),
        "AWS_LAMBDA_FUNCTION_VERSION": version.version,
        "AWS_LAMBDA_INITIALIZATION_TYPE": place.initialization,
        "LAMBDA_TASK_ROOT": paths.task_root,
        "LAMBDA_RUNTIME_DIR": paths.runtime_root,
        **place.credentials,
    }
    if place.initialization != "snap-start":
        # https://docs.aws.amazon.com/lambda/latest/dg/snapstart-monitoring.html
        reserved["AWS_LAMBDA_LOG_GROUP_NAME"] = version.logging.group
        reserved["AWS_LAMBDA_LOG_STREAM_NAME"] = place.log_stream
    family = _family(version)
    if place.runtime_api:
        reserved["AWS_LAMBDA_RUNTIME_API"] = place.runtime_api
    if family != "provided":
        reserved["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{version.runtime}"
    if family in ("python", "nodejs"):
        reserved["_LAMBDA_TELEMETRY_LOG_FD"] = "4"
    if version.logging.format == "JSON":
        reserved["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
        reserved["AWS_LAMBDA_LOG_LEVEL"] = version.logging.application_level or "INFO"
    return reserved


def _defaults(version: Version, place: Place) -> dict[str, str]:
    task, opt, runtime = place.paths.task_root, place.paths.opt_root, place.paths.runtime_root
    defaults = {
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PATH": f"/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:{opt}/bin",
        "LD_LIBRARY_PATH": f"/var/lang/lib:/lib64:/usr/lib64:{runtime}:{runtime}/lib:{task}:{task}/lib:{opt}/lib",
        "PWD": task,
        "SHLVL": "0",
        "AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR",
        "AWS_XRAY_DAEMON_ADDRESS": f"{_XRAY}:2000",
        "_AWS_XRAY_DAEMON_ADDRESS": _XRAY,
        "_AWS_XRAY_DAEMON_PORT": "2000",
    }
    if place.endpoint is not None:
        defaults["AWS_ENDPOINT_URL"] = place.endpoint
    if place.paths.tmp != "/tmp":
        # A sandbox of the level `process` has no /tmp of its own.
        defaults["TMPDIR"] = place.paths.tmp
    known = RUNTIMES.get(version.runtime or "")
    match _family(version):
        case "python":
            defaults["PYTHONPATH"] = runtime
            defaults["LC_CTYPE"] = "C.UTF-8"
        case "nodejs":
            assert known is not None
            own = f"{opt}/nodejs/node{known.version}/node_modules:{opt}/nodejs/node_modules"
            defaults["NODE_PATH"] = f"{own}:{runtime}/node_modules:{runtime}:{task}"
        case "ruby":
            assert known is not None
            defaults["GEM_PATH"] = f"{task}/vendor/bundle/ruby/{known.version}.0:{opt}/ruby/gems/{known.version}.0"
        case "provided" | "java" | "dotnet":
            pass
    return defaults
