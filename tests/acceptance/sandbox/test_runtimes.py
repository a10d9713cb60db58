"""lambdad's own runtimes inside real sandboxes."""

import json
from pathlib import Path
from typing import Any

import pytest

import lambdad
from tests.acceptance.sandbox.inside import INVOKE, NEXT, PYTHON, RESPONSE, START, frame, heard, here, sandbox, sandboxes

_RUNTIMES = Path(lambdad.__file__).parent / "runtimes"
_ENVIRONMENT = {
    "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime", "AWS_LAMBDA_FUNCTION_NAME": "f",
    "AWS_REGION": "eu-west-1",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
    "PATH": "/var/lang/bin:/usr/bin:/bin",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/f", "AWS_LAMBDA_LOG_STREAM_NAME": "s", "LANG": "en_US.UTF-8", "TZ": ":UTC",
}  # fmt: skip


async def _invoke(made: Any, code: Path, runtime: str) -> Any:
    async with sandbox(made, code, runtime=runtime) as one:
        start = {"handler": "handler.handle", "environment": {**_ENVIRONMENT, "_HANDLER": "handler.handle"}, "cwd": "/var/task"}
        await frame(one.process, START, start)
        kind, _head, body = await heard(one.process)
        assert kind == NEXT, body
        head = {
            "id": "r1",
            "deadline_ms": 99999999999999,
            "arn": "arn:aws:lambda:eu-west-1:1:function:f",
            "trace": "Root=1-2-3",
        }
        await frame(one.process, INVOKE, head, b'{"name": "you"}')
        kind, _head, body = await heard(one.process)
        assert kind == RESPONSE, body
        return json.loads(body)


async def test_python(tmp_path: Path, code: Path) -> None:
    (code / "handler.py").write_text(
        "import boto3, os, sys\n"
        "def handle(event, context):\n"
        "    name = context.function_name\n"
        "    return [event['name'], name, os.getcwd(), os.environ['AWS_REGION'], boto3.__file__, callable(exit)]\n"
    )
    async with sandboxes(tmp_path / "scratch", runtimes=_RUNTIMES) as made:
        assert await _invoke(made, code, PYTHON) == [
            "you",
            "f",
            "/var/task",
            "eu-west-1",
            "/var/runtime/boto3/__init__.py",
            True,
        ]


async def test_nodejs(tmp_path: Path, code: Path) -> None:
    node = [one.identifier for one in here().interpreters if one.identifier.startswith("nodejs")]
    if not node:
        pytest.skip("no Node.js here")
    (code / "handler.mjs").write_text(
        "export const handle = async (event, context) =>\n"
        "  [event.name, context.functionName, process.cwd(), process.env.AWS_REGION];\n"
    )
    async with sandboxes(tmp_path / "scratch", runtimes=_RUNTIMES) as made:
        assert await _invoke(made, code, node[0]) == ["you", "f", "/var/task", "eu-west-1"]
