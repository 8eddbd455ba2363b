"""Sealed files: the standard format, keys that are never shown, replaced or kept where they open things."""

from __future__ import annotations

import stat
from pathlib import Path

import pyrage
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate import sealed
from tidegate.errors import InvalidInputError


def pair(folder: Path, name: str = "key.txt") -> tuple[str, str]:
    """An identity and its recipient."""
    recipient = sealed.keygen(folder / name)
    return sealed.identity_in((folder / name).read_text()), recipient


def test_an_identity_is_the_owner_s_alone_and_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "key.txt"
    recipient = sealed.keygen(path)
    assert recipient.startswith("age1")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert text.splitlines()[0] == f"# public key: {recipient}"
    with pytest.raises(InvalidInputError, match="exists; an identity is never overwritten"):
        sealed.keygen(path)
    assert path.read_text() == text
    with pytest.raises(InvalidInputError, match="can't be written"):
        sealed.keygen(tmp_path / "absent" / "key.txt")


def test_no_identity_is_made_inside_of_a_home(home: Path) -> None:
    for place in (home / "key.txt", home / "jobs" / "key.txt"):
        with pytest.raises(InvalidInputError, match="must stay outside of it"):
            sealed.keygen(place)
        assert not place.exists()


@settings(max_examples=20, deadline=None)
@given(data=st.binary(max_size=2000))
def test_what_is_sealed_is_what_is_opened(data: bytes) -> None:
    keys = [pyrage.x25519.Identity.generate() for _ in range(2)]
    closed = sealed.seal(data, [str(key.to_public()) for key in keys])
    assert all(sealed.unseal(closed, str(key)) == data for key in keys)
    assert all(pyrage.decrypt(closed, [key]) == data for key in keys)


def test_another_identity_opens_nothing_and_is_not_shown(tmp_path: Path) -> None:
    (mine, recipient), (other, _) = pair(tmp_path), pair(tmp_path, "other.txt")
    closed = sealed.seal(b"rows", [recipient])
    for wrong in (other, "AGE-SECRET-KEY-1NONSENSE", ""):
        with pytest.raises(InvalidInputError, match=r"^the identity does not open what is sealed$"):
            sealed.unseal(closed, wrong)
    changed = closed[:-1] + bytes([closed[-1] ^ 1])
    with pytest.raises(InvalidInputError):
        sealed.unseal(changed, mine)


def test_recipients_are_checked_and_a_secret_is_not_repeated(tmp_path: Path) -> None:
    identity, _ = pair(tmp_path)
    with pytest.raises(InvalidInputError, match="not a recipient: 'age1x'"):
        sealed.seal(b"", ["age1x"])
    with pytest.raises(InvalidInputError, match="sealing needs a recipient"):
        sealed.seal(b"", [])
    with pytest.raises(InvalidInputError, match="which is secret") as refused:
        sealed.seal(b"", [identity])
    assert identity not in str(refused.value)


def test_an_identity_file_has_one_identity(tmp_path: Path) -> None:
    identity, recipient = pair(tmp_path)
    assert sealed.identity_in(f"# made by hand\n\n  {identity}\n") == identity
    for text in ("", recipient, f"{identity}\n{identity}"):
        with pytest.raises(InvalidInputError, match="has one line that begins with") as refused:
            sealed.identity_in(text)
        assert identity not in str(refused.value)


def test_what_is_not_sealed_is_refused(tmp_path: Path) -> None:
    plain = tmp_path / "rows.parquet"
    plain.write_bytes(b"PAR1" + b"x" * 100)
    with pytest.raises(InvalidInputError, match=r"rows\.parquet is not sealed; first: tidegate blind seal"):
        sealed.check_sealed(plain)
    with pytest.raises(InvalidInputError, match="can't be read"):
        sealed.check_sealed(tmp_path / "absent")
    plain.write_bytes(sealed.seal(b"rows", [pair(tmp_path)[1]]))
    sealed.check_sealed(plain)
