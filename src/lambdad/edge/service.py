"""The edge as assembly builds it: the application behind the server."""

import asyncio
import copy
import logging
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from lambdad.artifacts.api import Artifacts
from lambdad.domain import limits
from lambdad.domain.access import Require
from lambdad.domain.caller import Caller
from lambdad.domain.errors import AccessDenied, LambdadError, PlatformError, RequestEntityTooLarge, UnknownOperation
from lambdad.edge import downloads, invoke
from lambdad.edge.authenticate import Authenticator
from lambdad.edge.buckets import path_style
from lambdad.edge.companions import Companions
from lambdad.edge.companions import answer as answer_elsewhere
from lambdad.edge.compression import uncompressed
from lambdad.edge.downloads import CodeLinks
from lambdad.edge.hosts import Hosts, from_foreign_page, is_loopback
from lambdad.edge.invoke import InvokeRoute
from lambdad.edge.route import Found, Routes, Unimplemented, Unknown
from lambdad.frontend.api import Frontend
from lambdad.metering.exposition import CONTENT_TYPE as METRICS_TYPE
from lambdad.wire.api import Service
from lambdad.wire.match import protocol_of
from lambdad.wire.messages import Request, Response
from lambdad.wire.models import Model, Models
from lambdad.wire.parse import parse
from lambdad.wire.refusals import not_implemented, refusal
from lambdad.wire.serialise import answer
from lambdad.wire.signature import credential
from lambdad.wire.signature_refusals import wrong_service
from lambdad.wire.validate import validate

log = logging.getLogger(__name__)

_IDS = 256
_VARIANT = {digit: "89ab"[int(digit, 16) & 3] for digit in "0123456789abcdef"}
_PATHS = 4096
"""Paths of functions whose meaning is remembered."""
_BRINGS_CODE = re.compile(r"/20\d\d-\d\d-\d\d/(functions(/[^/]+/code)?|layers/[^/]+/versions)/?")
_SCOPE = "lambda"
"""Of the signatures of its invocations."""
_OWN = "/_lambdad/"
_HEALTH = "/_lambdad/health"
_STATE = "/_lambdad/state"
_METRICS = "/_lambdad/metrics"


class RandomIds:
    """Version 4 UUIDs, made of randomness that is fetched for many at a time: every request needs one."""

    __slots__ = ("_at", "_digits")

    def __init__(self) -> None:
        self._digits = ""
        self._at = 0

    def __call__(self) -> str:
        at = self._at
        if at == len(self._digits):
            self._digits, at = os.urandom(16 * _IDS).hex(), 0
        self._at = at + 32
        text = self._digits[at : at + 32]
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{_VARIANT[text[16]]}{text[17:20]}-{text[20:]}"


def _signed_as(request: Request) -> str | None:
    try:
        return credential(request).service
    except LambdadError:
        return None


class Edge:
    """An `Application` for `edge.server.Server`.

    `services` answer all operations but Invoke, which goes straight to `frontend`; `health` and `state` are what
    /_lambdad/health and /_lambdad/state say, as JSON; `metrics` is what /_lambdad/metrics says, in Prometheus's text format.
    `companions` answer for the services that `services` have not. `require` decides who may do what; the frontend does so
    itself. `private`: state and metrics are for clients on this host's loopback only, since they name the functions of every
    account and nobody signs for them.
    Nothing here waits for anything but the handlers.
    """

    def __init__(
        self,
        *,
        services: Sequence[Service],
        frontend: Frontend,
        authenticator: Authenticator,
        artifacts: Artifacts,
        links: CodeLinks,
        hosts: Hosts,
        require: Require,
        private: bool = False,
        health: Callable[[], Mapping[str, Any]],
        state: Callable[[], Mapping[str, Any]],
        metrics: Callable[[], str] = lambda: "",
        models: Models | None = None,
        new_id: Callable[[], str] | None = None,
        companions: Companions | None = None,
    ) -> None:
        self._models = models or Models()
        self._lambda = self._models.load("lambda")
        self._routes = Routes(services, self._models)
        self._invoke = InvokeRoute(frontend, lambda error, request_id: refusal(error, self._lambda, request_id))
        self._authenticator = authenticator
        self._artifacts = artifacts
        self._links = links
        self._hosts = hosts
        self._require = require
        self._private = private
        self._reports: dict[str, tuple[str, Callable[[], bytes]]] = {
            _HEALTH: ("application/json", lambda: msgspec.json.encode(health())),
            _STATE: ("application/json", lambda: msgspec.json.encode(state())),
            _METRICS: (METRICS_TYPE, lambda: metrics().encode()),
        }
        self._new_id = new_id or RandomIds()
        self._companions = companions
        self._targets: dict[str, invoke.Target] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        """Every operation but Invoke."""

    def seen_by(self, authenticator: Authenticator) -> "Edge":
        """The same edge for callers that are told otherwise, e.g. for those inside sandboxes.

        They are not told how lambdad itself is: /_lambdad/state names the functions of every account.
        """
        other = copy.copy(self)
        other._reports = {}
        other._authenticator = authenticator
        return other

    # --- what the server asks ---------------------------------------------------------------------------------------------

    def _target(self, request: Request) -> invoke.Target | None:
        """`invoke.target`, which is asked twice for each request."""
        if request.method != "POST":
            return None
        where = self._targets.get(request.path)
        if where is None:
            where = invoke.target(request)
            if where is not None:
                if len(self._targets) >= _PATHS:
                    self._targets.clear()
                self._targets[request.path] = where
        return where

    def body_limit(self, request: Request) -> int:
        where = self._target(request)
        if where is not None:
            return invoke.body_limit(where.kind, request)
        if _BRINGS_CODE.fullmatch(request.path):
            return limits.REQUEST_BODY
        # Objects of S3, for one, are for the companions.
        signed_as = _signed_as(request)
        return limits.OTHER_REQUEST_BODY if signed_as is None or self._routes.has(signed_as) else limits.REQUEST_BODY

    def too_large(self, request: Request, size: int) -> Response:
        request_id = self._new_id()
        where = self._target(request)
        if where is not None:
            return refusal(invoke.too_large(where.kind, request, size), self._lambda, request_id)
        found = self._routes.find(request, _signed_as(request))
        operation = f"the {found.match.operation.name}" if isinstance(found, Found) else "this"
        limit = self.body_limit(request)
        error = RequestEntityTooLarge(f"Request must be smaller than {limit} bytes for {operation} operation")
        return refusal(error, found.model, request_id)

    def _meant(self, request: Request) -> Model | None:
        """Whose errors the client expects, as far as that can be told."""
        if self._target(request) is not None:
            return self._lambda
        return self._routes.model_for(request, _signed_as(request))

    def handle(self, request: Request, respond: Callable[[Response], None]) -> None:
        request_id = self._new_id()
        try:
            refused = self._refused_client(request, request_id)
            if refused is not None:
                respond(refused)
                return
            where = self._target(request)
            if where is not None and where.kind != "InvokeWithResponseStream":
                caller = self._invoker(request, request_id)
                self._invoke.begin(where, request, caller, respond)
                return
        except Exception as error:
            respond(self._failure(error, request, request_id))
            return
        task = asyncio.get_running_loop().create_task(self._answer(where, request, request_id, respond))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cancel what runs; invocations go on."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _answer(
        self, where: invoke.Target | None, request: Request, request_id: str, respond: Callable[[Response], None]
    ) -> None:
        try:
            if where is not None:
                caller = self._invoker(request, request_id)
                response = await self._invoke.stream(where, request, caller)
            elif request.path.startswith(_OWN):
                response = await self._own(request, request_id)
            else:
                response = await self._operation(request, request_id)
        except Exception as error:
            response = self._failure(error, request, request_id)
        respond(response)

    def _invoker(self, request: Request, request_id: str) -> Caller:
        """The caller of an operation that is found by its path. Elsewhere the service of the scope chooses the operation."""
        scope = credential(request)
        if scope.service != _SCOPE:
            raise wrong_service([_SCOPE], scope)
        return self._authenticator.authenticate(request, scope, request_id)

    def _failure(self, error: Exception, request: Request, request_id: str) -> Response:
        if not isinstance(error, LambdadError):
            # The one place where the unexpected becomes an answer; the log has the details, the client has not.
            log.error("request %s failed: %s %s", request_id, request.method, request.path, exc_info=error)
            error = PlatformError()
        return refusal(error, self._meant(request), request_id)

    # --- the ways a request can go ----------------------------------------------------------------------------------------

    def _refused_client(self, request: Request, request_id: str) -> Response | None:
        headers = request.headers
        if not self._hosts.allows(headers.get("host")):
            host = headers.get("host", "")
            error = AccessDenied(f"lambdad does not serve the host name '{host}'; name it in the settings if it should.")
            return refusal(error, None, request_id)
        if "origin" in headers or "sec-fetch-site" in headers:
            if from_foreign_page(headers):
                return refusal(AccessDenied("lambdad does not answer web pages of other sites."), None, request_id)
            if "authorization" not in headers and not request.path.startswith(_OWN):
                # A link in a message is opened like one that was typed, and may ask for anything where any key is accepted.
                return refusal(AccessDenied("lambdad does not do what links say."), None, request_id)
        return None

    async def _operation(self, request: Request, request_id: str) -> Response:
        scope = credential(request)
        caller = self._authenticator.authenticate(request, scope, request_id)
        request = path_style(request) if scope.service == "s3" else uncompressed(request)
        found = self._routes.find(request, scope.service)
        match found:
            case Unknown(model):
                what = request.headers.get("x-amz-target") or f"{request.method} {request.path}"
                error = UnknownOperation(f"The requested operation is not recognized by the service: {what}")
                return refusal(error, model, request_id)
            case Unimplemented():
                return await answer_elsewhere(self._companions, self._require, caller, request, found)
            case Found(model, match, service):
                pass
        protocol = protocol_of(request, model)
        name = match.operation.name
        try:
            handler = service.operations.get(name)
            if handler is None:
                return refusal(not_implemented(model.name, name), model, request_id, protocol)
            params = parse(request, match, model)
            validate(params, match.operation, model)
            for need in service.needs(name, caller, params):
                self._require(caller, need, service.resource_policy(need))
            output = await handler(caller, params)
            return answer(model, match.operation, output, request_id, protocol)
        except LambdadError as error:
            return refusal(error, model, request_id, protocol)

    async def _own(self, request: Request, request_id: str) -> Response:
        headers = [("x-amzn-RequestId", request_id)]
        readable = request.method in ("GET", "HEAD")
        report = self._reports.get(request.path)
        if report is not None and readable:
            if self._private and request.path != _HEALTH and not is_loopback(request.peer):
                raise AccessDenied(f"{request.path} is answered on this host only.")
            content_type, text = report
            return Response(200, [*headers, ("Content-Type", content_type)], text())
        if request.path.startswith(downloads.PATH) and readable:
            data = await self._artifacts.read(self._links.verified(request))
            return Response(200, [*headers, ("Content-Type", "application/zip")], data)
        raise UnknownOperation(f"There is nothing at {request.method} {request.path}")
