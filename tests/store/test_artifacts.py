"""Artifacts: the bytes that are handed out are the bytes that the digest names."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tidegate.errors import ArtifactCorruptError, InvalidInputError, NotFoundError, UnavailableError
from tidegate.store import ArtifactStore, sha256

MISSING = sha256(b"never stored")


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(data=st.binary(max_size=3000))
def test_what_is_put_is_got(store: ArtifactStore, data: bytes) -> None:
    digest = store.put(data)
    assert digest == sha256(data)
    assert digest in store
    assert store.get(digest) == data
    assert store.verify(digest) == len(data)


def test_the_way_on_disk_is_the_documented_one(tmp_path: Path, store: ArtifactStore) -> None:
    digest = store.put(b"model")
    name = digest.removeprefix("sha256:")
    path = tmp_path / "artifacts" / "sha256" / name[:2] / name[2:]
    assert store.path(digest) == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(store) == [digest]
    assert not any((tmp_path / "artifacts" / "tmp").iterdir())


def test_a_file_is_stored_as_its_bytes_would_be(tmp_path: Path, store: ArtifactStore) -> None:
    data = os.urandom((1 << 20) + 17)
    (tmp_path / "file").write_bytes(data)
    assert store.put(tmp_path / "file") == store.put(data)
    assert store.get(sha256(data)) == data


@pytest.mark.parametrize("change", [b"", b"modeL", b"model and more"])
def test_changed_bytes_are_never_handed_out_and_healed_by_the_next_put(
    store: ArtifactStore, change: bytes
) -> None:
    digest = store.put(b"model")
    store.path(digest).chmod(0o600)
    store.path(digest).write_bytes(change)
    for read in (store.get, store.verify):
        with pytest.raises(
            ArtifactCorruptError, match=f"ARTIFACT_HASH_MISMATCH: wanted {digest}, the file has"
        ):
            read(digest)
    store.put(b"model")
    assert store.get(digest) == b"model"


def test_what_is_not_there_is_not_found(tmp_path: Path, store: ArtifactStore) -> None:
    assert MISSING not in store
    for read in (store.get, store.path, store.verify):
        with pytest.raises(NotFoundError, match="there is no artifact"):
            read(MISSING)
    for source in (tmp_path / "none", tmp_path):
        with pytest.raises(NotFoundError, match="there is no file"):
            store.put(source)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "sha256:..", "sha256:" + "/" * 64])
def test_no_name_leads_out_of_the_folder(store: ArtifactStore, digest: str) -> None:
    with pytest.raises(InvalidInputError, match="not a digest"):
        store.get(digest)


def test_a_link_in_place_of_an_artifact_is_not_followed(tmp_path: Path, store: ArtifactStore) -> None:
    digest = store.put(b"secret")
    path = store.path(digest)
    (tmp_path / "elsewhere").write_bytes(b"secret")
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotFoundError):
        store.get(digest)


def test_more_than_the_limit_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path, limit_bytes=10)
    store.put(b"0123456789")
    with pytest.raises(InvalidInputError, match="at most 10 bytes"):
        store.put(b"0123456789a")
    assert len(list(store)) == 1
    assert not any((tmp_path / "tmp").iterdir())


def test_a_disk_that_fails_is_told_and_leaves_nothing(
    tmp_path: Path, store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(UnavailableError, match="can't be stored: No space left on device"):
            store.put(b"model")
    assert list(store) == []
    assert not any((tmp_path / "artifacts" / "tmp").iterdir())


def test_what_a_crash_left_half_written_is_cleared(tmp_path: Path, store: ArtifactStore) -> None:
    (tmp_path / "artifacts" / "tmp" / "torn").write_bytes(b"half")
    assert store.clear_unfinished() == 1
    assert list(store) == []


def test_many_threads_put_the_same_and_different_bytes(store: ArtifactStore) -> None:
    parts = [bytes([number]) * 1000 for number in range(8)]
    barrier = threading.Barrier(8)

    def put() -> None:
        barrier.wait()
        for part in parts:
            store.put(part)

    threads = [threading.Thread(target=put) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(store) == sorted(map(sha256, parts))
    assert all(store.verify(digest) == 1000 for digest in store)
