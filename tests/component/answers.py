"""A service as a client has it: parameters checked by botocore's model, answers held against it."""

from collections.abc import Callable
from typing import Any

from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from lambdad.domain.caller import Caller
from lambdad.wire.api import Service


async def answer_of(
    service: Service,
    model: ServiceModel,
    check: Callable[[Any, Shape], None],
    caller: Caller,
    operation: str,
    params: dict[str, Any],
) -> dict[str, Any]:
    """`check` holds a value against its shape; where the model has no output, nothing is answered."""
    operation_model = model.operation_model(operation)
    if operation_model.input_shape is not None:
        report = ParamValidator().validate(params, operation_model.input_shape)
        assert not report.has_errors(), report.generate_report()
    answer = await service.operations[operation](caller, params)
    if operation_model.output_shape is None:
        assert answer == {}
    else:
        check(answer, operation_model.output_shape)
    return answer
