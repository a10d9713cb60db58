"""The way to services that lambdad does not have itself: what they need to be allowed, then the companions' answer."""

from typing import Any, Protocol

from lambdad.domain.access import Need, Require
from lambdad.domain.caller import Caller
from lambdad.domain.errors import LambdadError, NotImplementedOperation
from lambdad.edge.route import Unimplemented, is_rpc
from lambdad.wire.cbor import text_map
from lambdad.wire.match import Match, protocol_of
from lambdad.wire.messages import Request, Response
from lambdad.wire.models import Model
from lambdad.wire.parse import parse
from lambdad.wire.refusals import not_implemented, refusal


class Companions(Protocol):
    def serves(self, service: str) -> bool:
        """`service`: botocore's name."""
        ...

    @property
    def remark(self) -> str:
        """A sentence for whoever asks for a service that is not served; empty where nothing helps."""
        ...

    def needs(self, service: str, operation: str, caller: Caller, params: dict[str, Any] | None) -> list[Need]:
        """`params` are None where they can't be read. Raises CallerError."""
        ...

    async def forward(self, caller: Caller, model: Model, operation: str, match: Match | None, request: Request) -> Response:
        """`match` is None for Smithy's RPC v2 protocol. Raises LambdadError."""
        ...


async def answer(
    companions: Companions | None, require: Require, caller: Caller, request: Request, found: Unimplemented
) -> Response:
    """Raises nothing of its own: errors are in the protocol of the service."""
    model, operation, match = found.model, found.operation, found.match
    try:
        if companions is None or not companions.serves(found.service):
            raise _unserved(found, "" if companions is None else companions.remark)
        if model is None or operation is None or not _readable(found, request):
            raise not_implemented(found.service, operation)
        params = None if match is None else parse(request, match, model)
        for need in companions.needs(found.service, operation, caller, params):
            require(caller, need, None)
        return await companions.forward(caller, model, operation, match, request)
    except LambdadError as error:
        if model is not None and is_rpc(request, model):
            return _rpc_refusal(error, caller)
        return refusal(error, model, caller.request_id, None if model is None else protocol_of(request, model))


def _readable(found: Unimplemented, request: Request) -> bool:
    """Whether it is known what is asked for: by the service's model, or in the protocol whose paths name the operation."""
    model, operation = found.model, found.operation
    if model is None or operation is None or model.operation(operation) is None:
        return False
    return found.match is not None or is_rpc(request, model)


def _unserved(found: Unimplemented, remark: str) -> NotImplementedOperation:
    error = not_implemented(found.service, found.operation)
    return NotImplementedOperation(f"{error.message} {remark}") if remark else error


def _rpc_refusal(error: LambdadError, caller: Caller) -> Response:
    """https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html#error-serialization"""
    headers = [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
    body = text_map({"__type": error.code, "message": error.message})
    return Response(error.status, [*headers, ("x-amzn-RequestId", caller.request_id)], body)
