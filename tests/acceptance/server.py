"""A real lambdad in a process of its own, for acceptance tests."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

READY = re.compile(r"http://[\d.]+:(\d+)")


class Server:
    """`lambdad up` on a free port. `start` waits for the line that says it is ready. Functions reach the outside only where
    `options` say so: a test sends nothing to real addresses.

    The role that a new lambdad has, which most tests use, may do everything from the first start on, unless `able` is False:
    what roles are kept from doing is the matter of a few tests.
    """

    def __init__(self, data_dir: Path, options: Sequence[str] = (), prefix: Sequence[str] = (), able: bool = True) -> None:
        self.data_dir = data_dir
        self.options = list(options)
        self.prefix = list(prefix)
        self.python = sys.executable
        self.able = able
        self.errors = data_dir.parent / f"{data_dir.name}.stderr"

    def start(self) -> "Server":
        up = [self.python, "-m", "lambdad", "up", "--port", "0", "--data-dir", str(self.data_dir)]
        new = not (self.data_dir / "session-key").exists()
        if not {"--network", "--isolation"} & set(self.options):
            up += ["--network", "aws"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBDAD_"))}
        self.ready_line = ""
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*self.prefix, *up, *self.options], stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
            )
        assert self.process.stdout is not None
        self.said: list[str] = []
        """What it wrote before it was ready."""
        for line in self.process.stdout:
            self.ready_line = line
            if "is ready" in line:
                break
            self.said.append(line)
        match = READY.search(self.ready_line)
        assert match, f"lambdad did not start: {self.ready_line!r} {self.errors.read_text()}"
        self.port = int(match[1])
        self.url = match[0]
        if new and self.able:
            self.client("iam").attach_role_policy(
                RoleName="lambda-role", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
            )
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def client(
        self,
        service: str,
        region: str = "us-east-1",
        account: str = "000000000000",
        credentials: dict[str, str] | None = None,
        **config: Any,
    ) -> Any:
        """A stock boto3 client that knows nothing of lambdad but its address. It is the root user of `account`, or who has the
        credentials."""
        settings: dict[str, Any] = {"retries": {"max_attempts": 0}, "read_timeout": 60, **config}
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            **(credentials or {"aws_access_key_id": account, "aws_secret_access_key": "secret"}),
            config=Config(**settings),
        )

    def introspect(self) -> dict[str, Any]:
        """lambdad's own view of its environments and launchers."""
        with urllib.request.urlopen(f"{self.url}/_lambdad/state") as answer:
            state: dict[str, Any] = json.load(answer)
        return state

    def lambdad(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """lambdad's own command, as who the environment says."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBDAD_"))}
        return subprocess.run(
            [self.python, "-m", "lambdad", *arguments],
            capture_output=True,
            text=True,
            env=clean | {"LAMBDAD_ENDPOINT_URL": self.url} | environment,
            timeout=60,
            check=False,
        )

    def environment(self) -> dict[str, str]:
        """For the AWS CLI."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return clean | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "000000000000",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",  # as `lambdad env` says: live tails have a host prefix
            "AWS_PAGER": "",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    cli = str(Path(sys.executable).parent / "aws")

    def aws(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """The stock AWS CLI of the test environment."""
        result = subprocess.run(
            [self.cli, *arguments], capture_output=True, text=True, env=self.environment(), timeout=120, check=False
        )
        assert not check or result.returncode == 0, result.stderr
        return result


def eventually(condition: Any, seconds: float = 20.0) -> Any:
    """The first true answer of `condition`; for what a user would wait for too, such as log lines."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"did not come true within {seconds} s"
        time.sleep(0.05)
