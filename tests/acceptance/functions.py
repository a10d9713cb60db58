"""Makes functions as a user would: zip some files, create, wait until active."""

import base64
import io
import json
import stat
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROLE = "arn:aws:iam::000000000000:role/lambda-role"


def zipped(files: Mapping[str, str | bytes], executable: tuple[str, ...] = ("bootstrap",)) -> bytes:
    """A zip as `zip -r` would make it, with permission bits."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0))
            mode = 0o755 if name in executable else 0o644
            entry.external_attr = (stat.S_IFREG | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return buffer.getvalue()


def zipped_folder(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@dataclass
class Function:
    """A function of a running lambdad."""

    client: Any
    name: str

    def invoke(self, event: Any = None, **arguments: Any) -> Any:
        """The decoded answer of a call that the function survived."""
        answer = self.call(event, **arguments)
        assert "FunctionError" not in answer, answer["Payload"].read()
        return json.loads(answer["Payload"].read())

    def fail(self, event: Any = None, **arguments: Any) -> Any:
        """The decoded error payload of a call that failed inside the function."""
        answer = self.call(event, **arguments)
        payload = json.loads(answer["Payload"].read())
        assert answer.get("FunctionError") == "Unhandled", payload
        assert answer["StatusCode"] == 200
        return payload

    def call(self, event: Any = None, **arguments: Any) -> Any:
        payload = json.dumps({} if event is None else event)
        return self.client.invoke(FunctionName=self.name, Payload=payload, **arguments)

    def tail(self, event: Any = None) -> str:
        """The log tail of one call, whatever became of it."""
        return base64.b64decode(self.call(event, LogType="Tail")["LogResult"]).decode()


class Maker:
    """Creates functions and deletes them at the end of the test."""

    def __init__(self, client: Any, python: str) -> None:
        self.client = client
        self.python = python
        self.made: list[str] = []

    def create(self, files: Mapping[str, str | bytes], **settings: Any) -> Function:
        name = settings.pop("FunctionName", f"f-{uuid.uuid4().hex[:12]}")
        arguments: dict[str, Any] = {
            "FunctionName": name,
            "Runtime": self.python,
            "Role": ROLE,
            "Handler": "app.handler",
            "Code": {"ZipFile": zipped(files)},
            "MemorySize": 512,
            "Timeout": 10,
        }
        self.client.create_function(**arguments | settings)
        self.made.append(name)
        self.client.get_waiter("function_active_v2").wait(FunctionName=name)
        return Function(self.client, name)

    def python_function(self, source: str, **settings: Any) -> Function:
        return self.create({"app.py": source}, **settings)

    def clean(self) -> None:
        for name in self.made:
            try:
                self.client.delete_function(FunctionName=name)
            except self.client.exceptions.ResourceNotFoundException:
                pass  # the test deleted it
