import re

import pytest

from lambdad.iam.ids import access_key_id, account_of, secret, unique_id


def test_ids_have_awss_shape() -> None:
    assert re.fullmatch(r"AROA[A-Z2-7]{17}", unique_id("AROA", bytes(range(11))))
    assert re.fullmatch(r"AKIA[A-Z2-7]{16}", access_key_id("AKIA", "000000000000", bytes(5)))
    assert re.fullmatch(r"[A-Za-z0-9+/]{40}", secret(bytes(range(30))))
    assert unique_id("AIDA", b"a" * 11) != unique_id("AIDA", b"b" * 11)


@pytest.mark.parametrize("account", ["000000000000", "123456789012", "999999999999"])
@pytest.mark.parametrize("randomness", [bytes(5), b"\xff" * 5, b"\x00\x7f\x01\x80\xff"])
def test_a_key_id_says_whose_account_it_is(account: str, randomness: bytes) -> None:
    assert account_of(access_key_id("ASIA", account, randomness)) == account


def test_chance_makes_key_ids_different() -> None:
    found = {access_key_id("ASIA", "123456789012", number.to_bytes(5, "big")) for number in range(100)}
    assert len(found) == 100


def test_awss_own_key_ids_are_read_alike() -> None:
    """One that was published together with its account."""
    assert account_of("ASIAY34FZKBOKMUTVV7A") == "609629065308"


@pytest.mark.parametrize("text", ["", "AKIA", "AKIA1111111111111111", "BKIA" + "A" * 16, "AKIA" + "A" * 17, "ASIA" + "7" * 16])
def test_what_is_no_key_id_has_no_account(text: str) -> None:
    assert account_of(text) is None
