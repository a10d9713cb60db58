"""Digests against what AWS answered (recorded by LocalStack's test suite, tests/aws/services/sqs/test_sqs.snapshot.json)."""

import pytest

from lambdad.services.sqs import messages
from lambdad.services.sqs.messages import Value

HELLO: Value = ("String", "There")
TRACE = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01"


@pytest.mark.parametrize(
    ("attributes", "digest"),
    [
        ({"Foo": ("String", "Bar")}, "ae7155c6026991b6d54b11589678bf9c"),
        ({"Hello": HELLO}, "a311262e065454b75da111d535b8dacd"),
        ({"General": ("String", "Kenobi"), "Hello": HELLO}, "fca026605781cb4126a1e9044df24232"),
        ({"Hello": HELLO, "Help.Me": ("String", "Me")}, "83fee93c1bcd8b9a5a923ffacdc636c7"),
        ({"attr1": ("Binary", TRACE)}, "8cbe4db156db8a94db8b801b7addb984"),
    ],
)
def test_the_digest_of_attributes(attributes: dict[str, Value], digest: str) -> None:
    assert messages.attributes_md5(attributes) == digest
    assert messages.attributes_md5(dict(reversed(attributes.items()))) == digest


def test_size_counts_names_types_and_values_in_bytes() -> None:
    assert messages.size("é", {"n": ("String", "é"), "b": ("Binary", b"123")}) == 2 + (1 + 6 + 2) + (1 + 6 + 3)


def test_what_is_stored_is_read_again() -> None:
    message = messages.Message("body", "md5", {"a": ("String", "x"), "b": ("Binary", b"\xff")}, "sender", group="g")
    assert messages.decode(messages.encode(message)) == message
