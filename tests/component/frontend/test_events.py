"""Event mode as far as the frontend goes: checked, handed over, and run when it comes back."""

import pytest

from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import PlatformError, RequestTooLarge, ResourceNotFound, TooManyRequests
from lambdad.frontend.api import Answer
from lambdad.substrate.api import StorageFull
from lambdad.testing.snapshots import ACCOUNT, REGION, make_function, make_version
from lambdad.worker.api import Invocation

from .conftest import House
from .test_invoke import ARN, TRACE

NAME = FunctionName(ACCOUNT, REGION, "fn")


async def test_an_event_is_handed_over_and_not_run(house: House) -> None:
    answer = await house.invoke(invocation_type="Event", log_type="Tail", client_context="e30=")
    assert answer == Answer(202, b"", None, None, None, TRACE)
    assert house.events.accepted == [(NAME, Invocation("request-1", ARN, b'{"n":1}', TRACE))]
    assert house.worker.started == []


async def test_the_qualifier_that_was_used_goes_with_it(house: House) -> None:
    await house.invoke("fn:$LATEST", invocation_type="Event")
    ((name, invocation),) = house.events.accepted
    assert (name.qualifier, invocation.invoked_arn) == ("$LATEST", f"{ARN}:$LATEST")


async def test_what_can_not_be_stored_is_an_error(house: House) -> None:
    house.events.error = StorageFull()
    with pytest.raises(StorageFull):
        await house.invoke(invocation_type="Event")


async def test_events_are_smaller_than_synchronous_requests(house: House) -> None:
    payload = b'"' + b"x" * 1_048_575 + b'"'
    assert (await house.invoke(payload=payload)).status == 200
    with pytest.raises(RequestTooLarge):
        await house.invoke(payload=payload, invocation_type="Event")


async def test_an_event_runs_with_its_own_id_on_what_is_current(house: House) -> None:
    await house.frontend.run_accepted(NAME, Invocation("first", ARN, b"1", TRACE))
    house.records.put(make_function(latest=make_version(build="new")))
    answer = await house.frontend.run_accepted(NAME, Invocation("first", ARN, b"1", TRACE))
    assert answer == Answer(200, b"1", "$LATEST", None, None, TRACE)
    assert [environment.version.build for environment in house.worker.started] == ["build-1", "new"]
    assert [each.request_id for environment in house.worker.started for each in environment.served] == ["first", "first"]


async def test_an_event_is_throttled_like_any_request(house: House) -> None:
    house.records.put(make_function(reserved_concurrency=0))
    with pytest.raises(TooManyRequests):
        await house.frontend.run_accepted(NAME, Invocation("first", ARN, b"1", TRACE))


async def test_an_event_of_a_function_that_is_gone_is_told_so(house: House) -> None:
    house.records.delete(house.records.all_functions()[0])
    with pytest.raises(ResourceNotFound):
        await house.frontend.run_accepted(NAME, Invocation("first", ARN, b"1", TRACE))


async def test_a_bug_in_accepting_is_an_error_of_the_platform(house: House) -> None:
    house.events.error = ZeroDivisionError()  # type: ignore[assignment]
    with pytest.raises(PlatformError):
        await house.invoke(invocation_type="Event")
