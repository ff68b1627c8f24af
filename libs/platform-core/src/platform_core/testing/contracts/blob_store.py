"""What every blob store does."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path
from uuid import uuid4

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from platform_core.errors import BlobChanged, BlobExists, BlobNotFound, InvalidPath, PlatformError
from platform_core.parquet import write_table
from platform_core.ports.blob_store import BlobStore

OUTSIDE = (
    "models/../batch/a",
    "models/%2e%2e/a",
    "/models/a",
    "models//a",
    "models",
    "models/",
    "secrets/a",
    "file:///models/a",
    "models/a\n",
    "models/a\\b",
)
WRITERS = 8


class BlobStoreContract:
    """Override `store`; each test works below a folder of its own, `folder`."""

    @pytest.fixture
    def store(self) -> BlobStore:
        """Return the store under test, with all containers."""
        pytest.fail("override the fixture `store`")

    @pytest.fixture
    def folder(self) -> str:
        """Return a folder of this test alone."""
        return f"batch/contract-{uuid4().hex}"

    def test_reads_what_was_written(self, store: BlobStore, folder: str) -> None:
        """Bytes come back as they were, also none at all."""
        for data in (b"", b"\x00\xff" * 1000):
            store.write(f"{folder}/a.bin", data)
            assert store.read(f"{folder}/a.bin") == data

    def test_write_replaces(self, store: BlobStore, folder: str) -> None:
        """The last write wins, also when it is shorter."""
        store.write(f"{folder}/a", b"first and long")
        store.write(f"{folder}/a", b"second")
        assert store.read(f"{folder}/a") == b"second"

    def test_create_refuses_what_exists(self, store: BlobStore, folder: str) -> None:
        """The object keeps the content it was created with."""
        store.create(f"{folder}/a", b"first")
        with pytest.raises(BlobExists):
            store.create(f"{folder}/a", b"second")
        assert store.read(f"{folder}/a") == b"first"

    def test_one_of_many_creators_wins(self, store: BlobStore, folder: str) -> None:
        """Creating is atomic."""

        def create(number: int) -> bool:
            try:
                store.create(f"{folder}/a", str(number).encode())
            except BlobExists:
                return False
            return True

        with ThreadPoolExecutor(WRITERS) as pool:
            won = list(pool.map(create, range(WRITERS)))
        assert won.count(True) == 1
        assert store.read(f"{folder}/a") == str(won.index(True)).encode()

    def test_missing_blob(self, store: BlobStore, folder: str, tmp_path: Path) -> None:
        """What is not there is not found, and its deletion is fine."""
        assert not store.exists(f"{folder}/a")
        with pytest.raises(BlobNotFound):
            store.read(f"{folder}/a")
        with pytest.raises(BlobNotFound):
            store.download(f"{folder}/a", tmp_path / "a")
        store.delete(f"{folder}/a")

    def test_a_folder_is_not_an_object(self, store: BlobStore, folder: str) -> None:
        """A folder exists by name only."""
        store.write(f"{folder}/a/b", b"")
        assert not store.exists(f"{folder}/a")
        with pytest.raises(BlobNotFound):
            store.read(f"{folder}/a")
        store.delete(f"{folder}/a")
        assert store.exists(f"{folder}/a/b")

    def test_delete(self, store: BlobStore, folder: str) -> None:
        """A deleted object is gone."""
        store.write(f"{folder}/a", b"1")
        store.delete(f"{folder}/a")
        assert not store.exists(f"{folder}/a")
        assert list(store.list(folder)) == []

    def test_lists_a_folder_in_order(self, store: BlobStore, folder: str) -> None:
        """At any depth, by path; a name that only starts like the folder is not below it."""
        names = ["b", "a/z=1/x.parquet", "a.json", "a-b/c"]
        for name in names:
            store.write(f"{folder}/{name}", name.encode())
        store.write(f"{folder}-other/c", b"")
        infos = list(store.list(folder))
        assert [info.path for info in infos] == sorted(f"{folder}/{name}" for name in names)
        assert [info.size for info in infos] == [len(info.path) - len(folder) - 1 for info in infos]
        assert all(info.modified.utcoffset() == UTC.utcoffset(None) for info in infos)
        assert [info.path for info in store.list(f"{folder}/a")] == [f"{folder}/a/z=1/x.parquet"]

    def test_lists_a_container(self, store: BlobStore, folder: str) -> None:
        """A container is a folder; one that was never written to is empty."""
        store.write(f"{folder}/a", b"")
        assert f"{folder}/a" in [info.path for info in store.list("batch")]
        assert list(store.list(f"{folder}/nothing")) == []

    def test_upload_and_download(self, store: BlobStore, folder: str, tmp_path: Path) -> None:
        """Files go up and come down, into a folder that is made for them."""
        (tmp_path / "source").write_bytes(b"content")
        store.upload(tmp_path / "source", f"{folder}/a")
        store.download(f"{folder}/a", tmp_path / "new" / "target")
        assert (tmp_path / "new" / "target").read_bytes() == b"content"

    def test_uri_round_trip(self, store: BlobStore, folder: str) -> None:
        """`path` is the inverse of `uri`, and refuses other places."""
        for name in ("a", "use_case=spam/ü b.json"):
            assert store.path(store.uri(f"{folder}/{name}")) == f"{folder}/{name}"
        root = store.uri(f"{folder}/a").removesuffix(f"/{folder}/a")
        elsewhere = [f"{root}-other/{folder}/a", f"{root}/{folder}/%2e%2e/a", "https://a.test/b/c"]
        for uri in [*elsewhere, f"{root}/secrets/a", f"{root}/{folder}/a?sig=1", folder]:
            with pytest.raises(InvalidPath):
                store.path(uri)

    @pytest.mark.parametrize("path", OUTSIDE)
    def test_refuses_paths_outside(self, store: BlobStore, path: str, tmp_path: Path) -> None:
        """Every method validates."""
        (tmp_path / "a").touch()
        calls = (
            lambda: store.read(path),
            lambda: store.write(path, b""),
            lambda: store.create(path, b""),
            lambda: store.replace(path, b"", "etag"),
            lambda: store.exists(path),
            lambda: store.info(path),
            lambda: store.open(path),
            lambda: next(store.stream(path)),
            lambda: store.delete(path),
            lambda: store.upload(tmp_path / "a", path),
            lambda: store.download(path, tmp_path / "b"),
            lambda: store.uri(path),
        )
        for call in calls:
            with pytest.raises(InvalidPath):
                call()

    def test_lists_the_folders_of_one_level(self, store: BlobStore, folder: str) -> None:
        """Only folders with objects below them exist, and only the next level is listed."""
        for name in ("a", "b/c", "b/d/e", "b-b/c", "z=1/x"):
            store.write(f"{folder}/{name}", b"")
        assert list(store.folders(folder)) == [f"{folder}/{name}" for name in ("b", "b-b", "z=1")]
        assert list(store.folders(f"{folder}/b")) == [f"{folder}/b/d"]
        assert list(store.folders(f"{folder}/a")) == []
        assert list(store.folders(f"{folder}/nothing")) == []
        assert folder in store.folders("batch")
        store.delete(f"{folder}/b/d/e")
        assert list(store.folders(f"{folder}/b")) == []

    def test_the_etag_changes_with_the_content(self, store: BlobStore, folder: str) -> None:
        """Every way of asking gives the same etag."""
        first = store.create(f"{folder}/a", b"first")
        (listed,) = store.list(folder)
        assert listed == store.info(f"{folder}/a")
        assert (listed.etag, listed.size) == (first, 5)
        second = store.write(f"{folder}/a", b"second")
        assert second == store.info(f"{folder}/a").etag != first
        with pytest.raises(BlobNotFound):
            store.info(f"{folder}/b")

    def test_replaces_only_what_was_read(self, store: BlobStore, folder: str) -> None:
        """An outdated etag, or an object that is gone, changes nothing."""
        first = store.write(f"{folder}/a", b"first")
        second = store.replace(f"{folder}/a", b"second", first)
        with pytest.raises(BlobChanged):
            store.replace(f"{folder}/a", b"third", first)
        assert store.read(f"{folder}/a") == b"second"
        store.delete(f"{folder}/a")
        with pytest.raises(BlobChanged):
            store.replace(f"{folder}/a", b"third", second)
        assert not store.exists(f"{folder}/a")

    def test_one_of_many_replacements_wins(self, store: BlobStore, folder: str) -> None:
        """Replacing is atomic."""
        etag = store.write(f"{folder}/a", b"first")

        def replace(number: int) -> bool:
            try:
                store.replace(f"{folder}/a", f"writer {number}".encode(), etag)
            except BlobChanged:
                return False
            return True

        with ThreadPoolExecutor(WRITERS) as pool:
            won = list(pool.map(replace, range(WRITERS)))
        assert won.count(True) == 1
        assert store.read(f"{folder}/a") == f"writer {won.index(True)}".encode()

    def test_reads_any_position(self, store: BlobStore, folder: str) -> None:
        """An open object is read by range, and never mixed with its replacement."""
        store.write(f"{folder}/a", bytes(range(200)))
        with store.open(f"{folder}/a") as file:
            assert (file.size(), file.read(2), file.tell()) == (200, b"\x00\x01", 2)
            file.seek(198)
            assert file.read() == bytes((198, 199))
            assert file.read() == b""
            store.write(f"{folder}/a", bytes(200))
            file.seek(0)
            with pytest.raises(BlobChanged):
                file.read(1)
        with pytest.raises(BlobNotFound):
            store.open(f"{folder}/b")

    def test_streams(self, store: BlobStore, folder: str) -> None:
        """What is larger than a chunk goes up and comes down in order."""
        chunks = [bytes([number]) * (1 << 20) for number in range(40)]
        store.upload(iter(chunks), f"{folder}/a")
        assert store.info(f"{folder}/a").size == 40 << 20
        assert b"".join(store.stream(f"{folder}/a")) == b"".join(chunks)

    def test_a_stream_that_fails_writes_nothing(self, store: BlobStore, folder: str) -> None:
        """The error of the source is raised; what was there stays."""

        def source() -> Iterator[bytes]:
            yield b"half"
            raise UnicodeError("the source failed")

        store.write(f"{folder}/a", b"first")
        with pytest.raises(UnicodeError, match="the source failed"):
            store.upload(source(), f"{folder}/a")
        assert [info.size for info in store.list(folder)] == [5]

    def test_arrow_reads_datasets(self, store: BlobStore, folder: str) -> None:
        """The Arrow file system has the same objects, to be read only."""
        table = pa.table({"n": [1, 2, 3], "text": ["a", "b", None]})
        for number in (0, 1):
            write_table(store, f"{folder}/part=0/{number}.parquet", table)
        filesystem = store.arrow_filesystem()
        found = ds.dataset(folder, filesystem=filesystem, partitioning="hive").to_table()
        assert found.num_rows == 2 * table.num_rows
        path = f"{folder}/part=0/1.parquet"
        assert pq.read_table(path, filesystem=filesystem, partitioning=None) == table
        with pytest.raises(FileNotFoundError):
            filesystem.open_input_file(f"{folder}/nothing")
        with pytest.raises(PermissionError, match="read-only"):
            filesystem.delete_file(path)

    def test_errors_are_of_the_platform(self, store: BlobStore) -> None:
        """A caller need know one tree only."""
        with pytest.raises(PlatformError, match="batch/nothing"):
            store.read("batch/nothing")
