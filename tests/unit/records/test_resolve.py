import pytest

from lambdad.domain.arns import FunctionName
from lambdad.domain.errors import ResourceNotFound
from lambdad.domain.functions import Alias, Code, Function, Version
from lambdad.records.resolve import resolve

ARN = "arn:aws:lambda:eu-west-1:000000000000:function:f"


def version(number: str, build: str = "") -> Version:
    return Version(
        account="000000000000",
        region="eu-west-1",
        name="f",
        version=number,
        build=build or number,
        revision_id="r",
        last_modified_ms=0,
        role="arn:aws:iam::000000000000:role/r",
        code=Code("0" * 64, 1),
    )


FUNCTION = Function(
    account="000000000000",
    region="eu-west-1",
    name="f",
    latest=version("$LATEST", "new"),
    versions={"1": version("1"), "2": version("2")},
    aliases={
        "live": Alias(name="live", version="1", revision_id="r"),
        "split": Alias(name="split", version="1", revision_id="r", weights={"2": 0.25}),
        "newest": Alias(name="newest", version="$LATEST", revision_id="r"),
        "lost": Alias(name="lost", version="9", revision_id="r"),
    },
)


def name(qualifier: str | None = None) -> FunctionName:
    return FunctionName("000000000000", "eu-west-1", "f", qualifier)


@pytest.mark.parametrize("qualifier", [None, "$LATEST", "newest"])
def test_the_latest(qualifier: str | None) -> None:
    assert resolve(FUNCTION, name(qualifier), 0.0).build == "new"


@pytest.mark.parametrize("qualifier", [None, "$LATEST", "newest"])
def test_while_an_update_is_in_progress_the_code_from_before_serves(qualifier: str | None) -> None:
    updating = Function(
        account="000000000000",
        region="eu-west-1",
        name="f",
        latest=version("$LATEST", "new"),
        serving=version("$LATEST", "old"),
        aliases=FUNCTION.aliases,
    )
    assert resolve(updating, name(qualifier), 0.0).build == "old"


def test_a_version_and_an_alias() -> None:
    assert resolve(FUNCTION, name("2"), 0.0).version == "2"
    assert resolve(FUNCTION, name("live"), 0.999).version == "1"


@pytest.mark.parametrize(("draw", "served"), [(0.0, "2"), (0.2499, "2"), (0.25, "1"), (0.999, "1")])
def test_the_weight_is_the_share_of_the_other_version(draw: float, served: str) -> None:
    assert resolve(FUNCTION, name("split"), draw).version == served


@pytest.mark.parametrize(
    ("function", "qualifier", "message"),
    [
        (None, None, f"Function not found: {ARN}"),
        (None, "live", f"Function not found: {ARN}:live"),
        (FUNCTION, "3", f"Function not found: {ARN}:3"),
        (FUNCTION, "dead", f"Cannot find alias arn: {ARN}:dead"),
        (FUNCTION, "lost", f"Function not found: {ARN}:9"),
    ],
)
def test_what_is_not_there(function: Function | None, qualifier: str | None, message: str) -> None:
    with pytest.raises(ResourceNotFound) as caught:
        resolve(function, name(qualifier), 0.0)
    assert caught.value.message == message
