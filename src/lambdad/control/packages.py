"""Packages on their way into the blob store, and out of it again when nothing refers to them any more."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from lambdad.artifacts.api import Artifacts, Taken
from lambdad.control.api import AccountLimits, ObjectStore
from lambdad.control.ledger import Ledger
from lambdad.domain import limits
from lambdad.domain.caller import Caller
from lambdad.domain.errors import (
    CallerError,
    CodeStorageExceeded,
    InvalidParameterValue,
    PlatformError,
    RequestEntityTooLarge,
)
from lambdad.domain.functions import Code, Function, Layer

LOG = logging.getLogger(__name__)

GRACE = 960.0
"""Seconds that a package outlives its last reference: an invocation may run on it for 900, and end in time."""


class Owner(Protocol):
    """A function's name or a layer, by whose account and region its package is counted."""

    @property
    def account(self) -> str: ...

    @property
    def region(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """Where a package lies in S3."""

    bucket: str
    key: str
    version: str | None


def source_of(code: Mapping[str, Any]) -> bytes | Stored:
    """The package itself, or where it lies. `code` is `Code` of CreateFunction or anything of its shape.

    Raises InvalidParameterValue where there is none or more than one, RequestEntityTooLarge for a large `ZipFile`.
    """
    zipped, bucket, key = code.get("ZipFile"), code.get("S3Bucket"), code.get("S3Key")
    if zipped is not None:
        if bucket or key or code.get("S3ObjectVersion"):
            raise InvalidParameterValue("Please do not provide other FunctionCode parameters when providing a ZipFile.")
        if not zipped:
            raise InvalidParameterValue("Uploaded file must be a non-empty zip")
        if len(zipped) > limits.ZIP_UPLOAD:
            raise RequestEntityTooLarge(f"Zipped size must be smaller than {limits.ZIP_UPLOAD} bytes")
        return bytes(zipped)
    if bucket and key:
        if code.get("S3ObjectStorageMode") == "REFERENCE":
            raise InvalidParameterValue(
                "lambdad does not support packages that stay in S3 (S3ObjectStorageMode REFERENCE) yet."
            )
        return Stored(bucket, key, code.get("S3ObjectVersion"))
    if bucket or key:
        raise InvalidParameterValue("Please provide both S3Bucket and S3Key.")
    raise InvalidParameterValue("Please provide a source for function code.")


def codes_of(function: Function | None) -> set[str]:
    """Digests of all packages that a function's record refers to."""
    if function is None:
        return set()
    versions = [function.latest, *function.versions.values()]
    if function.serving is not None:
        versions.append(function.serving)
    return {digest for each in versions for digest in (each.code.digest, *(layer.code.digest for layer in each.layers))}


class Packages:
    """Takes packages in with the account's limits, and sweeps those that no record refers to."""

    def __init__(
        self,
        ledger: Ledger,
        artifacts: Artifacts,
        object_store: ObjectStore | None,
        account_limits: AccountLimits,
        *,
        grace: float = GRACE,
    ) -> None:
        self._ledger = ledger
        self._artifacts = artifacts
        self._object_store = object_store
        self._code_storage = account_limits.code_storage
        self._grace = grace
        self._gate = Gate()
        self._growing: Counter[tuple[str, str]] = Counter()
        """(account, region) → bytes that are on their way into its records."""
        self._released: dict[str, int] = {}
        """Digest → when its last reference may have gone, epoch ms."""
        self._released_something = asyncio.Event()

    async def fetch(self, caller: Caller, source: bytes | Stored) -> bytes:
        if isinstance(source, bytes):
            return source
        try:
            if self._object_store is None:
                raise CallerError.named("NotImplemented", "lambdad has no S3 yet; send the package itself as ZipFile.")
            return await self._object_store.get_object(caller, source.bucket, source.key, source.version)
        except CallerError as error:
            raise InvalidParameterValue(
                f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message: {error.message}"
            ) from error

    @contextlib.asynccontextmanager
    async def admission(self, owner: Owner, growth: int = 0) -> AsyncIterator[None]:
        """From before a package is taken in until its record is committed: no sweep happens meanwhile.

        `growth` and CodeStorageExceeded as in `room`.
        """
        with self.room(owner, growth):
            async with self._gate.entered():
                yield

    @contextlib.contextmanager
    def room(self, owner: Owner, growth: int) -> Iterator[None]:
        """Keep `growth` bytes of the account's code storage for a record until it is committed.

        The sum is over many records and none of them guards it, so what is on its way counts too. A record that was
        committed counts twice for the moment until its writer is told, so it is never a byte too much that gets in.
        Raises CodeStorageExceeded; shrinking and what needs no room is never refused.
        """
        place = (owner.account, owner.region)
        used = self._ledger.records.code_size(*place) + self._growing[place]
        if growth > 0 and used + growth > self._code_storage:
            raise CodeStorageExceeded
        self._growing[place] += max(growth, 0)
        try:
            yield
        finally:
            self._growing[place] -= max(growth, 0)
            if not self._growing[place]:
                del self._growing[place]

    async def take(self, data: bytes, layers: Iterable[Layer] = ()) -> Code:
        """Check and store a package that goes with `layers`; only within `admission`."""
        taken = await self._artifacts.take_zip(data)
        # Should no record come of it (a dry run, a conflict, a full disk), a later sweep takes it away.
        self._release({taken.code.digest})
        await self._check_together(taken, [layer.code for layer in layers])
        return taken.code

    async def check_sizes(self, code: Code, layers: Iterable[Layer]) -> None:
        """Raises InvalidParameterValue where code and layers are too large together."""
        _check_unpacked(await self._artifacts.unpacked_size([code, *(layer.code for layer in layers)]))

    async def _check_together(self, taken: Taken, layers: list[Code]) -> None:
        if layers:
            _check_unpacked(taken.unpacked + await self._artifacts.unpacked_size(layers))

    # The way out

    async def run(self) -> None:
        """Sweep at once, since nothing runs yet, then one grace period after packages lost a reference. Until cancelled."""
        end: Callable[[], None] = self._ledger.records.listen(self._changed)
        try:
            while True:
                await self._sweep_or_say()
                await self._released_something.wait()
                await asyncio.sleep(self._grace)
                self._released_something.clear()
        finally:
            end()

    async def _sweep_or_say(self) -> None:
        try:
            await self.sweep()
        except (PlatformError, OSError) as error:
            LOG.warning("packages that nothing refers to could not be deleted; the next sweep tries again: %s", error)
            self._released_something.set()

    async def sweep(self) -> None:
        """Delete what nothing refers to; waits for packages that are on their way in."""
        async with self._gate.closed():
            swept = await self._artifacts.sweep(self._live())
        if self._released or swept.spared:
            # The grace period of some is not over, or their preparation.
            self._released_something.set()

    def layer_deleted(self, code: Code) -> None:
        self._release({code.digest})

    def _live(self) -> set[str]:
        records = self._ledger.records
        horizon = self._ledger.now_ms() - round(self._grace * 1000)
        self._released = {digest: at for digest, at in self._released.items() if at > horizon}
        live = set(self._released)
        for function in records.all_functions():
            live |= codes_of(function)
        live.update(layer.code.digest for layer in records.all_layer_versions())
        return live

    def _changed(self, before: Function | None, after: Function | None) -> None:
        self._release(codes_of(before) - codes_of(after))

    def _release(self, digests: set[str]) -> None:
        if digests:
            now = self._ledger.now_ms()
            self._released |= dict.fromkeys(digests, now)
            self._released_something.set()


class Gate:
    """Many may be inside at once, or it is closed; whoever wants to close it is not kept waiting by newcomers."""

    def __init__(self) -> None:
        self._inside = 0
        self._opened, self._emptied = asyncio.Event(), asyncio.Event()
        self._opened.set()
        self._emptied.set()

    @contextlib.asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        while not self._opened.is_set():
            await self._opened.wait()
        self._inside += 1
        self._emptied.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._emptied.set()

    @contextlib.asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        while not self._opened.is_set():
            await self._opened.wait()
        self._opened.clear()
        try:
            await self._emptied.wait()
            yield
        finally:
            self._opened.set()


def _check_unpacked(size: int) -> None:
    if size > limits.UNZIPPED:
        raise InvalidParameterValue(
            f"Function code combined with layers exceeds the maximum allowed size of {limits.UNZIPPED} bytes. "
            f"The actual size is {size} bytes."
        )
