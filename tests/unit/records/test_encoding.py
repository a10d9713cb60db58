import msgspec
import pytest

from lambdad.domain.errors import PlatformError
from lambdad.domain.functions import (
    Code,
    CodeSigningConfig,
    DeletedFunction,
    Function,
    Layer,
    LayerName,
    LayerVersion,
    Policy,
    Version,
)
from lambdad.records.encoding import Record, decode, encode, key_of

VERSION = Version(
    account="1",
    region="r",
    name="f",
    version="$LATEST",
    build="b",
    revision_id="r",
    last_modified_ms=5,
    role="role",
    code=Code("d", 3),
    layers=(Layer("arn", Code("l", 4)),),
    environment={},
    stored={"VpcConfig": {"SubnetIds": ["a"], "Deep": [1, 2.5, None, True]}},
)
FUNCTION = Function(
    account="1",
    region="r",
    name="f",
    latest=VERSION,
    policies={"$LATEST": Policy("p", ({"Sid": "s", "Principal": {"Service": "s3.amazonaws.com"}},))},
)
LAYER_VERSION = LayerVersion(account="1", region="r", name="l", version=12, code=Code("d", 3), created_ms=0)
SIGNING = CodeSigningConfig(account="1", region="r", id="csc-0123456789abcdef0", last_modified_ms=0, publishers=("arn",))


@pytest.mark.parametrize(
    ("record", "key"),
    [
        (FUNCTION, "function/1/r/f"),
        (DeletedFunction("1", "r", "f", 7), "deleted-function/1/r/f"),
        (LayerName("1", "r", "l", 3), "layer/1/r/l"),
        (LAYER_VERSION, "layer-version/1/r/l/0000000012"),
        (SIGNING, "code-signing/1/r/csc-0123456789abcdef0"),
    ],
)
def test_a_record_comes_back_as_it_was(record: Record, key: str) -> None:
    assert key_of(record) == key
    assert decode(key, encode(record)) == record


def test_members_of_a_newer_lambdad_are_tolerated() -> None:
    fields = msgspec.json.decode(encode(FUNCTION))
    fields["from_the_future"] = {"x": 1}
    fields["latest"]["shiny"] = True
    assert decode("function/1/r/f", msgspec.json.encode(fields)) == FUNCTION


@pytest.mark.parametrize("value", [b"", b"{", b"{}", b"\xff", b'{"account":1}'])
def test_bytes_that_are_no_record_are_named(value: bytes) -> None:
    with pytest.raises(PlatformError, match="function/1/r/f"):
        decode("function/1/r/f", value)
