"""A control plane on the memory substrate, whose every answer is held against the service model."""

import asyncio
import hashlib
import itertools
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import botocore.session
from botocore.model import Shape
from botocore.validate import ParamValidator

from lambdad.artifacts.api import Prepared, Swept, Taken
from lambdad.control.api import AccountLimits, ObjectStore
from lambdad.control.lifecycle import steps
from lambdad.control.mapping_lifecycle import settled
from lambdad.control.service import LambdaControl
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue, LambdadError
from lambdad.domain.functions import Code
from lambdad.domain.mappings import EventSourceMapping
from lambdad.iam.access import Access
from lambdad.iam.directory import Directory
from lambdad.records.service import Snapshot
from lambdad.records.write import Writer
from lambdad.services.sqs.errors import no_queue
from lambdad.substrate.api import Change
from lambdad.testing.access import EasyRoles
from lambdad.testing.substrate import MemoryKeyValues

MODEL = botocore.session.get_session().get_service_model("lambda")
ACCOUNT, REGION = "123456789012", "eu-central-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/service/worker"
ZIP = b"PK a zip"
START = 1_780_000_000.123


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def function_arn(name: str, qualifier: str = "") -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}{':' + qualifier if qualifier else ''}"


def queue_arn(name: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:sqs:{REGION}:{account}:{name}"


def layer_arn(name: str, version: int | str = "") -> str:
    return f"arn:aws:lambda:{REGION}:{ACCOUNT}:layer:{name}{f':{version}' if version else ''}"


class ScriptedArtifacts:
    """An `Artifacts` in memory. `hold` stops `prepare`; packages named in `broken` fail in it, `unpacked` gives sizes."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.unpacked: dict[str, int] = {}
        self.broken: dict[str, Exception] = {}
        self.prepared_codes: list[tuple[str, tuple[str, ...], str | None]] = []
        self.preparing = 0
        self.most_preparing = 0
        self.in_hand: Counter[str] = Counter()
        self.go = asyncio.Event()
        self.go.set()

    def hold(self) -> None:
        self.go.clear()

    async def take_zip(self, data: bytes) -> Taken:
        await asyncio.sleep(0)
        if not data.startswith(b"PK"):
            raise InvalidParameterValue("Could not unzip uploaded file. Please check your file, then try to upload again.")
        self.blobs[sha(data)] = data
        return Taken(Code(sha(data), len(data)), self.unpacked.get(sha(data), len(data)))

    async def unpacked_size(self, codes: Sequence[Code]) -> int:
        return sum(self.unpacked.get(code.digest, code.size) for code in codes)

    async def prepare(self, code: Code, layers: Sequence[Code], runtime: str | None) -> Prepared:
        digests = [code.digest, *(layer.digest for layer in layers)]
        self.preparing += 1
        self.in_hand.update(digests)
        self.most_preparing = max(self.preparing, self.most_preparing)
        try:
            await self.go.wait()
        finally:
            self.preparing -= 1
            self.in_hand.subtract(digests)
        if code.digest in self.broken:
            raise self.broken[code.digest]
        self.prepared_codes.append((code.digest, tuple(layer.digest for layer in layers), runtime))
        return Prepared(Path("/task"), None)

    def prepared(self, code: Code, layers: Sequence[Code]) -> Prepared | None:
        return None

    async def read(self, code: Code) -> bytes:
        return self.blobs[code.digest]

    async def sweep(self, live: Collection[str]) -> Swept:
        unneeded = [digest for digest in self.blobs if digest not in live]
        gone = [digest for digest in unneeded if not self.in_hand[digest]]
        for digest in gone:
            del self.blobs[digest]
        return Swept(len(gone), len(unneeded) - len(gone))


class SlowKeyValues(MemoryKeyValues):
    """Others come in between a decision and its commit, as they do where commits go to a disk."""

    async def commit(self, changes: Sequence[Change]) -> int:
        await asyncio.sleep(0)
        return await super().commit(changes)


class ScriptedPolling:
    """A `Polling` that writes down what it was told: (queue, state, whether it is polled). It waits for those on `hold`."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, bool]] = []
        self.problems: dict[str, str] = {}
        self._held: dict[str, asyncio.Event] = {}

    def hold(self, queue: str) -> None:
        self._held[queue] = asyncio.Event()

    def release(self, queue: str) -> None:
        self._held.pop(queue).set()

    async def poll(self, mapping: EventSourceMapping) -> None:
        queue = mapping.source.rpartition(":")[2]
        self.told.append((queue, mapping.state, mapping.polled))
        if queue in self._held:
            await self._held[queue].wait()

    def problem(self, mapping: EventSourceMapping) -> str | None:
        return self.problems.get(mapping.id)


class TestAccount:
    """One account's view of a running control plane."""

    __test__ = False

    def __init__(self, object_store: ObjectStore | None = None, limits: AccountLimits | None = None) -> None:
        self.key_values = SlowKeyValues()
        self.artifacts = ScriptedArtifacts()
        self.available = ["python3.12", "python3.13", "nodejs22.x", "provided.al2023"]
        self.clock = START
        self.queues = {queue_arn("jobs"): 30, queue_arn("jobs.fifo"): 30}
        """Visibility timeouts."""
        self.remote: set[str] = set()
        """Accounts whose queues are somewhere else."""
        self.polling = ScriptedPolling()
        self.roles = EasyRoles()
        self.access = Access(Directory(self.key_values), lambda: self.clock)
        self._ids = itertools.count(1)
        self._object_store = object_store
        self._limits = limits or AccountLimits()
        self.caller = self.caller_of(ACCOUNT)

    def caller_of(self, account: str, region: str = REGION) -> Caller:
        return Caller(account, region, "request", "AKIA", f"arn:aws:iam::{account}:root")

    async def start(self) -> "TestAccount":
        """Also a second time, as a process that was killed and started again."""
        self.records = Snapshot(self.key_values)
        await self.records.start()
        self.control = LambdaControl(
            records=self.records,
            writer=Writer(self.key_values, self.records.current),
            artifacts=self.artifacts,
            limits=self._limits,
            roles=self.roles,
            available=lambda: self.available,
            architecture="x86_64",
            location=lambda caller, code: f"http://127.0.0.1/{caller.account}/{code.digest}",
            object_store=self._object_store,
            now=lambda: self.clock,
            new_id=lambda: f"00000000-0000-4000-8000-{next(self._ids):012x}",
            visibility=self.visibility,
            polling=self.polling,
            remote=lambda account: account in self.remote,
        )
        await self.control.start()
        await asyncio.sleep(0)
        return self

    async def visibility(self, arn: str) -> int:
        await asyncio.sleep(0)
        if arn not in self.queues:
            raise no_queue()
        return self.queues[arn]

    async def stop(self) -> None:
        await self.control.close()
        await self.records.close()

    async def settle(self) -> None:
        """Until nothing is Pending or InProgress, and no mapping on its way to another state."""
        for _ in range(10_000):
            ready = not any(steps(function) for function in self.records.all_functions())
            if ready and all(settled(mapping) for mapping in self.records.all_mappings()):
                return
            await asyncio.sleep(0.001)
        raise AssertionError("something stays unfinished")

    async def call(self, operation: str, caller: Caller | None = None, **params: Any) -> dict[str, Any]:
        """The request is a valid one by the model, and so is the answer; what it needs is decided as the edge does it."""
        model = MODEL.operation_model(operation)
        report = ParamValidator().validate(params, model.input_shape)
        assert not report.has_errors(), report.generate_report()
        caller = caller or self.caller
        for need in self.control.needs(operation, caller, params):
            self.access.require(caller, need, self.control.resource_policy(need))
        answer = await self.control.operations[operation](caller, params)
        members = {key: value for key, value in answer.items() if key != "StatusCode_"}
        if model.output_shape is None:
            assert members == {}
        else:
            assert list(misfits(model.output_shape, members, operation)) == []
        return answer

    async def error(self, operation: str, caller: Caller | None = None, **params: Any) -> tuple[str, int, str]:
        """Code, status and message of the error that the request gets."""
        try:
            await self.call(operation, caller, **params)
        except LambdadError as error:
            return error.code, error.status, error.message
        raise AssertionError(f"{operation} was accepted")

    async def create(self, name: str = "resize", *, settle: bool = True, **params: Any) -> dict[str, Any]:
        request = {
            "FunctionName": name,
            "Role": ROLE,
            "Runtime": "python3.12",
            "Handler": "app.handler",
            "Code": {"ZipFile": ZIP},
            **params,
        }
        answer = await self.call("CreateFunction", **{key: value for key, value in request.items() if value is not None})
        if settle:
            await self.settle()
        return answer

    async def create_error(self, name: str = "resize", **params: Any) -> tuple[str, int, str]:
        try:
            await self.create(name, **params)
        except LambdadError as error:
            return error.code, error.status, error.message
        raise AssertionError("the function was created")

    async def update(self, name: str = "resize", *, settle: bool = True, **params: Any) -> dict[str, Any]:
        answer = await self.call("UpdateFunctionConfiguration", FunctionName=name, **params)
        if settle:
            await self.settle()
        return answer

    async def map(self, name: str = "resize", queue: str = "jobs", *, settle: bool = True, **params: Any) -> dict[str, Any]:
        """A new event source mapping."""
        request = {"FunctionName": name, "EventSourceArn": queue_arn(queue), **params}
        answer = await self.call("CreateEventSourceMapping", **request)
        if settle:
            await self.settle()
        return answer

    async def mapping(self, uuid: str) -> dict[str, Any]:
        return await self.call("GetEventSourceMapping", UUID=uuid)

    async def mapping_state(self, uuid: str) -> str:
        state: str = (await self.mapping(uuid))["State"]
        return state

    async def publish(self, name: str = "resize", *, description: str | None = None) -> str:
        """A new version, of a configuration that no version has yet."""
        await self.update(name, Description=description or f"change {next(self._ids)}")
        version: str = (await self.call("PublishVersion", FunctionName=name))["Version"]
        return version


LENIENT = {
    # AWS itself answers Creating, which the model's enum of update reasons lacks.
    "LastUpdateStatusReasonCode",
    # AWS itself answers an empty object where a function has none.
    "GetFunctionCodeSigningConfigResponse",
}


def misfits(shape: Shape, value: Any, path: str) -> list[str]:
    """Where an answer does not fit its output shape: unknown or missing members, wrong types, values outside an enum."""
    match shape.type_name:
        case "structure":
            if not isinstance(value, Mapping):
                return [f"{path} is no structure"]
            missing = set(shape.required_members) - set(value) if shape.name not in LENIENT else set()
            found = [f"{path}.{name} is missing" for name in missing]
            for name, member in value.items():
                if name not in shape.members:
                    found.append(f"{path}.{name} is not in the model")
                else:
                    found += misfits(shape.members[name], member, f"{path}.{name}")
            return found
        case "list":
            if not isinstance(value, list):
                return [f"{path} is no list"]
            return [misfit for each in value for misfit in misfits(shape.member, each, f"{path}[]")]
        case "map":
            if not isinstance(value, dict):
                return [f"{path} is no map"]
            return [misfit for each in value.values() for misfit in misfits(shape.value, each, f"{path}{{}}")]
        case "string":
            if not isinstance(value, str):
                return [f"{path} is no string: {value!r}"]
            if shape.enum and value not in shape.enum and shape.name not in LENIENT:
                return [f"{path} is not of the enum: {value!r}"]
            return []
        case "integer" | "long":
            return [] if isinstance(value, int) and not isinstance(value, bool) else [f"{path} is no integer: {value!r}"]
        case "boolean":
            return [] if isinstance(value, bool) else [f"{path} is no boolean: {value!r}"]
        case "timestamp" | "double" | "float":
            return [] if isinstance(value, int | float) else [f"{path} is no number: {value!r}"]
        case other:
            return [f"{path}: a {other} is not expected"]
