"""Functions in Node.js, on the host's own Node."""

import base64
import json
import re
import time
from typing import Any

import pytest

from tests.acceptance.functions import Function, Maker, zipped
from tests.acceptance.server import Server


@pytest.fixture
def nodejs(server: Server) -> str:
    found = re.findall(r"nodejs\d+\.x", server.ready_line)
    if not found:
        pytest.skip("this host has no Node.js of a version that Lambda knows")
    return str(found[0])


def create(make: Maker, nodejs: str, source: str, name: str = "index.js", **settings: Any) -> Function:
    return make.create({name: source}, Runtime=nodejs, Handler="index.handler", **settings)


def test_async_handler_and_context(make: Maker, nodejs: str) -> None:
    function = create(
        make,
        nodejs,
        """
exports.handler = async (event, context) => {
  console.log("hello %s", event.name);
  return { name: context.functionName, version: context.functionVersion, arn: context.invokedFunctionArn,
           memory: context.memoryLimitInMB, left: context.getRemainingTimeInMillis(), id: context.awsRequestId };
};
""",
    )
    answer = function.call({"name": "you"}, LogType="Tail")
    seen = json.loads(answer["Payload"].read())
    assert seen["name"] == function.name
    assert seen["version"] == "$LATEST"
    assert seen["memory"] == "512"
    assert 0 < seen["left"] <= 10_000
    assert seen["id"] == answer["ResponseMetadata"]["RequestId"]
    assert re.search(rf"\d{{4}}-\S+Z\t{seen['id']}\tINFO\thello you\n", function_tail(answer))


def function_tail(answer: Any) -> str:
    return base64.b64decode(answer["LogResult"]).decode()


def test_es_module_with_top_level_await(make: Maker, nodejs: str) -> None:
    source = "const word = await Promise.resolve('top');\nexport const handler = async () => word;\n"
    assert create(make, nodejs, source, "index.mjs").invoke() == "top"


def test_callback_waits_for_the_event_loop_unless_told_not_to(make: Maker, nodejs: str) -> None:
    function = create(
        make,
        nodejs,
        """
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = event.wait;
  const begin = Date.now();
  setTimeout(() => {}, 400);
  callback(null, { begin });
};
""",
    )
    waited = function.invoke({"wait": True})["begin"]
    assert time.time() * 1000 - waited >= 390
    assert "begin" in function.invoke({"wait": False})


def test_errors(make: Maker, nodejs: str) -> None:
    function = create(make, nodejs, "exports.handler = async () => { throw new TypeError('bad'); };\n")
    error = function.fail()
    assert (error["errorType"], error["errorMessage"]) == ("TypeError", "bad")
    assert error["trace"][0] == "TypeError: bad"
    missing = create(make, nodejs, "exports.other = async () => 1;\n").fail()
    assert (missing["errorType"], missing["errorMessage"]) == (
        "Runtime.HandlerNotFound",
        "index.handler is undefined or not exported",
    )
    crash = create(make, nodejs, "exports.handler = async () => process.exit(4);\n").fail()
    assert crash["errorType"] == "Runtime.ExitError"
    assert "exit status 4" in crash["errorMessage"]


def test_a_streamed_response(make: Maker, nodejs: str) -> None:
    function = create(
        make,
        nodejs,
        """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  stream.setContentType("text/plain");
  for (const word of ["one ", "two ", "three"]) {
    stream.write(word);
    await new Promise((done) => setTimeout(done, 30));
  }
  stream.end();
});
""",
    )
    answer = make.client.invoke_with_response_stream(FunctionName=function.name, Payload=b"{}")
    events = list(answer["EventStream"])
    pieces = [event["PayloadChunk"]["Payload"] for event in events if "PayloadChunk" in event]
    assert b"".join(pieces) == b"one two three"
    assert len(pieces) > 1
    assert "InvokeComplete" in events[-1]
    assert function.call()["Payload"].read() == b"one two three"


def test_layers_are_on_node_path(make: Maker, nodejs: str) -> None:
    layer = make.client.publish_layer_version(
        LayerName="node-layer", Content={"ZipFile": zipped({"nodejs/node_modules/greet/index.js": "module.exports = 'hi';"})}
    )["LayerVersionArn"]
    function = create(make, nodejs, "exports.handler = async () => require('greet');\n", Layers=[layer])
    assert function.invoke() == "hi"
