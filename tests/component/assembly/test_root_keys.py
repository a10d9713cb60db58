from pathlib import Path

import pytest

from lambdad.assembly.root_keys import RootKeys
from lambdad.iam import ids
from lambdad.substrate.directory import DataDirectoryError

ACCOUNT = "222222222222"


def test_a_key_is_made_once_for_lambdads_user_only(tmp_path: Path) -> None:
    keys = RootKeys(tmp_path)
    assert keys.of(ACCOUNT) is None
    key = keys.make(ACCOUNT)
    assert (key.account, ids.account_of(key.access_key_id), len(key.secret_access_key)) == (ACCOUNT, ACCOUNT, 40)
    assert keys.of(ACCOUNT) == key
    assert RootKeys(tmp_path).find(key.access_key_id) == key
    assert key.secret_access_key not in repr(key)
    folder = tmp_path / "root-keys"
    assert (folder.stat().st_mode & 0o777, (folder / ACCOUNT).stat().st_mode & 0o777) == (0o700, 0o600)


def test_a_key_that_is_none_of_them(tmp_path: Path) -> None:
    keys = RootKeys(tmp_path)
    made = keys.make(ACCOUNT)
    for other in ("test", "AKIAIOSFODNN7EXAMPLE", ids.access_key_id("AKIA", ACCOUNT, b"other"), "AKIA" + "/" * 16):
        assert keys.find(other) is None
    assert keys.find(made.access_key_id) == made


def test_one_that_is_not_there_yet_is_looked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("lambdad.assembly.root_keys.time.monotonic", lambda: now)
    keys = RootKeys(tmp_path)
    made = RootKeys(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").mkdir()
    key = made.make(ACCOUNT)
    assert keys.find(key.access_key_id) is None
    (tmp_path / "elsewhere" / "root-keys").rename(tmp_path / "root-keys")
    assert keys.find(key.access_key_id) is None, "not at every request"
    now += 1.0
    assert keys.find(key.access_key_id) == key


def test_a_damaged_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "root-keys").mkdir()
    (tmp_path / "root-keys" / ACCOUNT).write_text("{}")
    with pytest.raises(DataDirectoryError, match="damaged"):
        RootKeys(tmp_path).of(ACCOUNT)
