from pathlib import Path

import pytest

from lambdad.assembly.identities import session_key
from lambdad.substrate.directory import DataDirectoryError


def test_a_key_is_made_once_for_lambdads_user_only(tmp_path: Path) -> None:
    key = session_key(tmp_path)
    assert len(key) == 32
    assert session_key(tmp_path) == key
    (file,) = tmp_path.iterdir()
    assert (file.name, file.stat().st_mode & 0o777) == ("session-key", 0o600)


def test_a_start_that_was_cut_short_leaves_no_half_key(tmp_path: Path) -> None:
    (tmp_path / "session-key.new").write_bytes(b"half")
    assert len(session_key(tmp_path)) == 32
    assert not (tmp_path / "session-key.new").exists()


def test_a_damaged_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "session-key").write_bytes(b"short")
    with pytest.raises(DataDirectoryError, match="damaged"):
        session_key(tmp_path)
