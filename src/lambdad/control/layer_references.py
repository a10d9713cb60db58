"""The layers that a function names, resolved to layer versions. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lambdad.domain import limits
from lambdad.domain.arns import layer_version_arn
from lambdad.domain.caller import Caller
from lambdad.domain.errors import InvalidParameterValue, ResourceNotFound
from lambdad.domain.functions import Layer, LayerVersion
from lambdad.records.api import Records

_ARN = re.compile(r"arn:aws[a-zA-Z-]*:lambda:([a-z0-9-]+):(\d{12}):layer:([a-zA-Z0-9-_]{1,140})(?::(\d+))?")
_NAME = re.compile(r"[a-zA-Z0-9-_]{1,140}")


@dataclass(frozen=True, slots=True)
class LayerReference:
    """A layer, or one version of it."""

    account: str
    region: str
    name: str
    version: int | None = None

    @property
    def layer_arn(self) -> str:
        return f"arn:aws:lambda:{self.region}:{self.account}:layer:{self.name}"


def parse_layer(caller: Caller, text: str) -> LayerReference:
    """A layer's name, its ARN, or a version's ARN. Raises InvalidParameterValue for anything else and for other regions."""
    match = _ARN.fullmatch(text)
    if match is None:
        if _NAME.fullmatch(text) is None:
            raise InvalidParameterValue(f"Invalid Layer name: {text}")
        return LayerReference(caller.account, caller.region, text)
    region, account, name, version = match.groups()
    if region != caller.region:
        raise InvalidParameterValue(
            f"Layers are not in the same region as the function. Layers are expected to be in region {caller.region}."
        )
    return LayerReference(account, region, name, int(version) if version else None)


def find_version(records: Records, account: str, region: str, name: str, version: int) -> LayerVersion | None:
    return next((each for each in records.layer_versions(account, region, name) if each.version == version), None)


def readable_version(records: Records, reference: LayerReference) -> LayerVersion:
    """One version for GetLayerVersion. Raises InvalidParameterValue or ResourceNotFound."""
    number = reference.version
    if number is None or number < 1:
        raise InvalidParameterValue("Layer Version Cannot be less than 1")
    arn = layer_version_arn(reference.account, reference.region, reference.name, number)
    found = find_version(records, reference.account, reference.region, reference.name, number)
    if found is None:
        raise ResourceNotFound(f"Layer version {arn} does not exist.")
    return found


def resolve_layers(records: Records, caller: Caller, arns: Sequence[Any], held: Sequence[Layer] = ()) -> list[Layer]:
    """The layers of a function, in their order. Those it holds already may have been deleted since.

    Raises InvalidParameterValue for too many, two versions of one layer, other regions, and what does not exist.
    """
    if len(arns) > limits.LAYERS:
        raise InvalidParameterValue(f"Cannot reference more than {limits.LAYERS} layers.")
    known = {layer.arn: layer for layer in held}
    found: list[Layer] = []
    seen: dict[str, str] = {}
    for arn in arns:
        reference = parse_layer(caller, arn)
        if reference.layer_arn in seen:
            raise InvalidParameterValue(
                "Two different versions of the same layer are not allowed to be referenced in the same function. "
                f"{seen[reference.layer_arn]} and {arn} are versions of the same layer."
            )
        seen[reference.layer_arn] = arn
        found.append(known.get(arn) or _layer(records, caller, reference, arn))
    return found


def _layer(records: Records, caller: Caller, reference: LayerReference, arn: str) -> Layer:
    try:
        version = readable_version(records, reference)
    except ResourceNotFound as error:
        raise InvalidParameterValue(error.message) from error
    return Layer(arn, version.code)
