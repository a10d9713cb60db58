"""AWS's own runtime client for Python, a real process, against the Runtime API."""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from lambdad.testing.sandbox import ScriptedRuntime
from tests.component.worker.bench import Bench, invocation, invoke, version

pytestmark = pytest.mark.real_time

HANDLER = """
import time

def handler(event, context):
    if event == "fail":
        raise ValueError("on purpose")
    if event == "hang":
        time.sleep(60)
    return {
        "event": event,
        "id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "custom": context.client_context.custom if context.client_context else None,
        "left": 0 < context.get_remaining_time_in_millis() <= 30000,
    }
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(HANDLER)
    return tmp_path


async def test_awslambdaric(code: Path) -> None:
    async def script(inside: ScriptedRuntime) -> None:
        await inside.start()
        environment = {**inside.environment, "LAMBDA_TASK_ROOT": str(code), "PYTHONPATH": str(code), "PATH": "/usr/bin:/bin"}
        del environment["LD_LIBRARY_PATH"]
        environment["AWS_LAMBDA_RUNTIME_API"] = inside.sandbox.runtime_api_address
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "awslambdaric", "app.handler", env=environment, cwd=code, stdout=-3, stderr=-3
        )
        try:
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        inside.exit(status)

    async with Bench(script, http=True, epoch=time.time()) as bench:
        environment = await bench.worker.start(version(runtime="provided.al2023", timeout=30), "on-demand")
        assert await environment.ready() is True
        for number in range(3):
            context = '{"custom": {"k": "v"}}' if number else None
            outcome = await invoke(environment, invocation(f"r{number}", b'{"n": 1}', client_context=context))
            assert outcome.error is None
            assert json.loads(outcome.payload) == {
                "event": {"n": 1},
                "id": f"r{number}",
                "arn": "arn:aws:lambda:us-east-1:000000000000:function:f",
                "custom": {"k": "v"} if number else None,
                "left": True,
            }
        failed = await invoke(environment, invocation("r9", b'"fail"'))
        assert failed.error == "Unhandled"
        assert json.loads(failed.payload)["errorMessage"] == "on purpose"
        large = json.dumps("x" * 6_000_000).encode()
        outcome = await invoke(environment, invocation("r10", large))
        assert json.loads(outcome.payload)["event"] == "x" * 6_000_000
