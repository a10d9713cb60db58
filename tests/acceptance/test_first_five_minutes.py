"""What a newcomer does first, with the stock AWS CLI, and that it is all still there after a restart."""

import json
from pathlib import Path

from tests.acceptance.conftest import newest_python
from tests.acceptance.functions import ROLE, zipped
from tests.acceptance.server import Server, eventually

HELLO = "def handler(event, context):\n    print('hello from', context.function_name)\n    return {'greeting': GREETING}\n"


def code(folder: Path, greeting: str) -> str:
    path = folder / f"{greeting}.zip"
    path.write_bytes(zipped({"app.py": f"GREETING = {greeting!r}\n{HELLO}"}))
    return f"fileb://{path}"


def invoke(server: Server, folder: Path, name: str) -> dict[str, str]:
    out = folder / "out.json"
    server.aws("lambda", "invoke", "--function-name", name, "--payload", "{}", str(out))
    answer: dict[str, str] = json.loads(out.read_text())
    return answer


def messages(server: Server) -> list[str]:
    found = json.loads(server.aws("logs", "filter-log-events", "--log-group-name", "/aws/lambda/hello").stdout)
    return [event["message"] for event in found["events"]]


def test_create_invoke_logs_update_publish_restart(own_server: Server, tmp_path: Path) -> None:
    server, runtime = own_server, newest_python(own_server)
    server.aws(
        *("lambda", "create-function", "--function-name", "hello", "--runtime", runtime, "--handler", "app.handler"),
        *("--role", ROLE, "--zip-file", code(tmp_path, "bonjour")),
    )
    server.aws("lambda", "wait", "function-active-v2", "--function-name", "hello")
    assert invoke(server, tmp_path, "hello") == {"greeting": "bonjour"}
    assert eventually(lambda: any("hello from hello" in message for message in messages(server)))
    assert any(message.startswith("REPORT RequestId: ") for message in messages(server))

    server.aws("lambda", "publish-version", "--function-name", "hello")
    server.aws("lambda", "update-function-code", "--function-name", "hello", "--zip-file", code(tmp_path, "ciao"))
    server.aws("lambda", "wait", "function-updated-v2", "--function-name", "hello")
    assert invoke(server, tmp_path, "hello") == {"greeting": "ciao"}
    assert invoke(server, tmp_path, "hello:1") == {"greeting": "bonjour"}
    before = messages(server)

    assert server.stop() == 0
    server.start()

    versions = json.loads(server.aws("lambda", "list-versions-by-function", "--function-name", "hello").stdout)
    assert [version["Version"] for version in versions["Versions"]] == ["$LATEST", "1"]
    assert invoke(server, tmp_path, "hello") == {"greeting": "ciao"}
    assert invoke(server, tmp_path, "hello:1") == {"greeting": "bonjour"}
    assert messages(server)[: len(before)] == before


def test_the_log_tail_of_an_invoke_is_printed_by_the_cli(own_server: Server, tmp_path: Path) -> None:
    server = own_server
    server.aws(
        *("lambda", "create-function", "--function-name", "hello", "--runtime", newest_python(server)),
        *("--handler", "app.handler", "--role", ROLE, "--zip-file", code(tmp_path, "hei")),
    )
    server.aws("lambda", "wait", "function-active-v2", "--function-name", "hello")
    out = str(tmp_path / "out.json")
    answer = json.loads(server.aws("lambda", "invoke", "--function-name", "hello", "--log-type", "Tail", out).stdout)
    assert answer["StatusCode"] == 200
    assert answer["ExecutedVersion"] == "$LATEST"
    assert answer["LogResult"]


def test_the_cli_says_in_lambdas_words_what_is_wrong(server: Server) -> None:
    result = server.aws("lambda", "get-function", "--function-name", "nobody", check=False)
    assert result.returncode != 0
    assert "ResourceNotFoundException" in result.stderr
    assert "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody" in result.stderr


def test_an_operation_that_is_not_implemented_is_named(server: Server) -> None:
    result = server.aws("lambda", "list-capacity-providers", check=False)
    assert "lambdad does not implement ListCapacityProviders" in result.stderr
