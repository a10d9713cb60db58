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

READY = re.compile(r"http://127\.0\.0\.1:(\d+)")


class Server:
    """`lambdad up` on a free port. `start` waits for the line that says it is ready. Functions reach the outside only where
    `options` say so: a test sends nothing to real addresses."""

    def __init__(self, data_dir: Path, options: Sequence[str] = (), prefix: Sequence[str] = ()) -> None:
        self.data_dir = data_dir
        self.options = list(options)
        self.prefix = list(prefix)
        self.python = sys.executable
        self.errors = data_dir.parent / f"{data_dir.name}.stderr"

    def start(self) -> "Server":
        up = [self.python, "-m", "lambdad", "up", "--port", "0", "--data-dir", str(self.data_dir)]
        if not {"--network", "--isolation"} & set(self.options):
            up += ["--network", "aws"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LAMBDAD_"))}
        with self.errors.open("ab") as errors:
            self.process = subprocess.Popen(
                [*self.prefix, *up, *self.options], stdout=subprocess.PIPE, stderr=errors, text=True, env=environment
            )
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline()
        match = READY.search(self.ready_line)
        assert match, f"lambdad did not start: {self.ready_line!r} {self.errors.read_text()}"
        self.port = int(match[1])
        self.url = match[0]
        return self

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process.poll() is None:
            self.process.send_signal(how)
        status = self.process.wait(timeout=30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status

    def client(self, service: str, region: str = "us-east-1", account: str = "000000000000", **config: Any) -> Any:
        """A stock boto3 client that knows nothing of lambdad but its address."""
        settings: dict[str, Any] = {"retries": {"max_attempts": 0}, "read_timeout": 60, **config}
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=region,
            aws_access_key_id=account,
            aws_secret_access_key="secret",
            config=Config(**settings),
        )

    def introspect(self) -> dict[str, Any]:
        """lambdad's own view of its environments and launchers."""
        with urllib.request.urlopen(f"{self.url}/_lambdad/state") as answer:
            state: dict[str, Any] = json.load(answer)
        return state

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
