import base64

import pytest
from msgspec.structs import replace

from lambdad.iam.sessions import LONGEST, Claims, ExpiredToken, InvalidToken, TokenTooLong, issue, read

KEY = b"k" * 32
CLAIMS = Claims(
    account="123456789012",
    principal="arn:aws:sts::123456789012:assumed-role/r/s",
    role="arn:aws:iam::123456789012:role/r",
    role_id="AROAX",
    name="s",
    issued=100,
    expires=1000,
    policies=('{"Version": "2012-10-17", "Statement": []}',),
    policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",),
    tags={"team": "blue", "häßlich": "ja"},
    transitive=("team",),
    source_identity="ann",
)
MADE = issue(CLAIMS, KEY, b"abcde")


def test_a_token_says_what_was_claimed() -> None:
    assert read(MADE.session_token, MADE.access_key_id, KEY, 999.9) == (CLAIMS, MADE.secret_access_key)
    assert MADE.access_key_id.startswith("ASIA")
    assert len(MADE.access_key_id) == 20
    assert len(MADE.secret_access_key) == 40


def test_every_session_has_credentials_of_its_own() -> None:
    other = issue(CLAIMS, KEY, b"abcdf")
    assert other.access_key_id != MADE.access_key_id
    assert other.secret_access_key != MADE.secret_access_key
    assert other.session_token != MADE.session_token


def test_the_end_of_a_session_is_told_from_a_forgery() -> None:
    with pytest.raises(ExpiredToken):
        read(MADE.session_token, MADE.access_key_id, KEY, 1000)
    with pytest.raises(InvalidToken):
        read(MADE.session_token, MADE.access_key_id, b"x" * 32, 1000)


def test_no_byte_of_a_token_can_be_changed() -> None:
    data = base64.b64decode(MADE.session_token)
    for place in range(len(data)):
        forged = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(InvalidToken):
            read(base64.b64encode(forged).decode(), MADE.access_key_id, KEY, 200)


def test_a_token_belongs_to_its_access_key_id() -> None:
    other = issue(replace(CLAIMS, name="t"), KEY, b"abcdf")
    for key_id in (other.access_key_id, "", "häßlich"):
        with pytest.raises(InvalidToken):
            read(MADE.session_token, key_id, KEY, 200)


@pytest.mark.parametrize("token", ["", "AQ==", "not base64!", "é", MADE.session_token[:-8], "A" * (LONGEST + 4)])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(InvalidToken):
        read(token, MADE.access_key_id, KEY, 200)


def test_tokens_are_bounded() -> None:
    with pytest.raises(TokenTooLong):
        issue(replace(CLAIMS, policies=("x" * LONGEST,)), KEY, b"abcde")
