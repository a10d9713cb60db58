import asyncio
import hashlib

from lambdad.substrate.api import Blobs

ABSENT = "0" * 64


async def test_bytes_come_back_by_their_digest(blobs: Blobs) -> None:
    for data in (b"", b"x", bytes(range(256)) * 4096):
        digest = await blobs.put(data)
        assert digest == hashlib.sha256(data).hexdigest()
        assert await blobs.get(digest) == data


async def test_putting_the_same_again_is_harmless(blobs: Blobs) -> None:
    digests = await asyncio.gather(*[blobs.put(b"same") for _ in range(10)])
    assert len(set(digests)) == 1
    assert await blobs.get(digests[0]) == b"same"


async def test_what_is_absent(blobs: Blobs) -> None:
    assert await blobs.get(ABSENT) is None
    assert await blobs.path(ABSENT) is None
    await blobs.delete(ABSENT)


async def test_a_name_that_is_no_digest_is_absent(blobs: Blobs) -> None:
    for name in ("", "..", "../../etc/passwd", "A" * 64, "é" * 64, "0" * 63, "0" * 64 + "\n"):
        assert await blobs.get(name) is None
        assert await blobs.path(name) is None
        await blobs.delete(name)


async def test_a_deleted_blob_is_gone_and_can_come_again(blobs: Blobs) -> None:
    digest = await blobs.put(b"data")
    await blobs.delete(digest)
    await blobs.delete(digest)
    assert await blobs.get(digest) is None
    assert await blobs.path(digest) is None
    assert await blobs.put(b"data") == digest
    assert await blobs.get(digest) == b"data"


async def test_a_path_is_a_file_that_nobody_may_write(blobs: Blobs) -> None:
    digest = await blobs.put(b"data")
    path = await blobs.path(digest)
    assert path is not None
    assert path.read_bytes() == b"data"
    assert path.stat().st_mode & 0o377 == 0
    await blobs.delete(digest)
    assert not path.exists()


async def test_a_buffer_may_change_after_it_was_put(blobs: Blobs) -> None:
    buffer = bytearray(b"data")
    digest = await blobs.put(bytes(buffer))
    buffer[:] = b"else"
    assert await blobs.get(digest) == b"data"
