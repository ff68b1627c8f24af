"""The blob stores against their contract, and what is particular to each."""

import os
import pickle
import resource
import select
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from platform_core.adapters import connect
from platform_core.adapters.blob_store.azure import AzureBlobStore
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.blob_store.memory import MemoryBlobStore
from platform_core.adapters.blob_store.s3 import S3BlobStore
from platform_core.errors import (
    BlobNotFound,
    ConfigurationError,
    InvalidPath,
    UpstreamUnavailable,
)
from platform_core.ports.blob_paths import validate_path
from platform_core.settings import StorageSettings
from platform_core.storage import CONTAINERS
from platform_core.testing.contracts import BlobStoreContract
from platform_core.testing.processes import free_port
from platform_core.testing.servers import AZURITE_ACCOUNT, Azurite, S3Emulator


class TestLocalBlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> LocalBlobStore:
        return LocalBlobStore(tmp_path / "a store")

    def test_a_link_does_not_lead_out(self, store: LocalBlobStore, tmp_path: Path) -> None:
        (tmp_path / "outside").mkdir()
        (tmp_path / "outside" / "secret").write_text("secret")
        store.write("batch/inside", b"")
        folder = tmp_path / "a store" / "batch"
        (folder / "folder").symlink_to(tmp_path / "outside")
        (folder / "file").symlink_to(tmp_path / "outside" / "secret")
        for path in ("batch/file", "batch/folder/secret"):
            with pytest.raises(InvalidPath, match="leads out"):
                store.read(path)
        assert [info.path for info in store.list("batch")] == ["batch/inside"]

    def test_what_a_killed_writer_left_is_no_blob(
        self, store: LocalBlobStore, tmp_path: Path
    ) -> None:
        store.write("batch/whole", b"1")
        folder = tmp_path / "a store" / "batch"
        assert [file.name for file in folder.iterdir()] == ["whole"]
        (folder / "whole#1").write_bytes(b"0")
        listed = [info.path for container in CONTAINERS for info in store.list(container)]
        assert listed == ["batch/whole"]

    def test_a_link_in_a_circle(self, store: LocalBlobStore, tmp_path: Path) -> None:
        store.write("batch/a", b"")
        folder = tmp_path / "a store" / "batch"
        (folder / "one").symlink_to(folder / "two")
        (folder / "two").symlink_to(folder / "one")
        for path in ("batch/one", "batch/one/below"):
            for call in (store.read, store.exists, lambda path: list(store.list(path))):
                with pytest.raises(InvalidPath, match=f"'{path}' is a link that leads back"):
                    call(path)
        assert [info.path for info in store.list("batch")] == ["batch/a"]

    def test_an_error_says_nothing_of_the_server_but_the_log_does(
        self, store: LocalBlobStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        store.write("batch/a", b"")
        with pytest.raises(UpstreamUnavailable) as refused:
            store.write("batch/a/b", b"")
        assert str(tmp_path) not in str(refused.value)
        (tmp_path / "a store" / "models").write_text("not a folder")
        with pytest.raises(UpstreamUnavailable) as unusable:
            store.write("models/a", b"")
        assert str(unusable.value) == "the blob store cannot access models/a: File exists"
        assert str(tmp_path) in caplog.text
        with pytest.raises(InvalidPath) as elsewhere:
            store.path("file:///elsewhere")
        assert str(tmp_path) not in str(elsewhere.value)

    def test_a_folder_that_cannot_be_read_is_not_empty(self, store: LocalBlobStore) -> None:
        store.write("batch/a", b"")
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        with Path(os.devnull).open() as file:
            free = file.fileno()
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
            with pytest.raises(UpstreamUnavailable, match="batch: Too many open files"):
                list(store.list("batch"))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        assert [blob.path for blob in store.list("batch")] == ["batch/a"]

    def test_a_blob_is_no_folder(self, store: LocalBlobStore) -> None:
        store.write("batch/a", b"")
        with pytest.raises(UpstreamUnavailable, match="batch/a/b: a part of the path is an object"):
            store.write("batch/a/b", b"")
        with pytest.raises(BlobNotFound):
            store.read("batch/a/b")

    def test_another_process_opens_the_same_folder(self, store: LocalBlobStore) -> None:
        store.write("batch/a", b"1")
        assert pickle.loads(pickle.dumps(store)).read("batch/a") == b"1"


class TestMemoryBlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self) -> MemoryBlobStore:
        return MemoryBlobStore()

    def test_is_not_pickled(self) -> None:
        with pytest.raises(TypeError, match="ends with its process"):
            pickle.dumps(MemoryBlobStore())


@contextmanager
def relay(host: str, port: int) -> Iterator[str]:
    """Accept connections on another address of this machine for a port of 127.0.0.1."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as upstream:
                ends = {self.request: upstream, upstream: self.request}
                while True:
                    for source in select.select(list(ends), [], [])[0]:
                        data = source.recv(65536)
                        if not data:
                            return
                        ends[source].sendall(data)

    with socketserver.ThreadingTCPServer((host, 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"{host}:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class TestAzureBlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self, azurite: Azurite) -> AzureBlobStore:
        store = connect.blob_store(azurite.settings)
        assert isinstance(store, AzureBlobStore)
        return store

    def test_unreachable_account(self, azurite: Azurite) -> None:
        key = SecretStr(azurite.account_key)
        store = AzureBlobStore(f"http://127.0.0.1:{free_port()}/account", key, retries=0)
        with pytest.raises(UpstreamUnavailable, match="cannot be reached"):
            store.read("batch/a")

    def test_wrong_key(self, azurite: Azurite) -> None:
        store = AzureBlobStore(azurite.account_url, SecretStr("d3Jvbmc="), retries=0)
        with pytest.raises(UpstreamUnavailable, match="403"):
            store.read("batch/a")

    def test_a_path_style_account_on_any_host(self, azurite: Azurite) -> None:
        port = urlsplit(azurite.account_url).port or 0
        with relay("127.0.0.2", port) as address:
            url = f"http://{address}/{AZURITE_ACCOUNT}"
            key = SecretStr(azurite.account_key)
            store = connect.blob_store(StorageSettings(blob_store_url=url, azure_storage_key=key))
            store.write("batch/another-host", b"content")
            assert store.read("batch/another-host") == b"content"
            assert store.uri("batch/another-host") == f"{url}/batch/another-host"

    def test_uri_is_what_kserve_takes(self) -> None:
        key = SecretStr("d3Jvbmc=")
        store = AzureBlobStore("https://account.blob.core.windows.net/", key)
        uri = "https://account.blob.core.windows.net/models/spam/0f/model"
        assert store.uri("models/spam/0f/model") == uri
        with pytest.raises(InvalidPath):
            store.path(uri.replace("account", "another"))


class TestS3BlobStore(BlobStoreContract):
    @pytest.fixture
    def store(self, s3_emulator: S3Emulator) -> S3BlobStore:
        store = connect.blob_store(s3_emulator.settings)
        assert isinstance(store, S3BlobStore)
        return store

    def test_unreachable_server(self, s3_emulator: S3Emulator) -> None:
        url = f"http://127.0.0.1:{free_port()}"
        settings = s3_emulator.settings.model_copy(update={"s3_endpoint_url": url})
        with pytest.raises(UpstreamUnavailable, match="cannot be reached"):
            S3BlobStore(settings, retries=0).read("batch/a")

    def test_a_bucket_that_does_not_exist(self, s3_emulator: S3Emulator) -> None:
        settings = s3_emulator.settings.model_copy(update={"blob_store_url": "s3://nothing"})
        store = S3BlobStore(settings, retries=0)
        for call in (lambda: store.write("batch/a", b""), lambda: store.read("batch/a")):
            with pytest.raises(UpstreamUnavailable, match="s3://nothing/ lacks the container"):
                call()
        with pytest.raises(UpstreamUnavailable, match="404"):
            list(store.list("batch"))

    def test_an_endpoint_is_a_url(self) -> None:
        settings = StorageSettings(blob_store_url="s3://bucket", s3_endpoint_url="minio:9000")
        with pytest.raises(ConfigurationError, match="S3_ENDPOINT_URL='minio:9000' is not the URL"):
            S3BlobStore(settings)

    def test_uri_is_what_kserve_takes(self) -> None:
        store = S3BlobStore(StorageSettings(blob_store_url="s3://bucket/"))
        uri = "s3://bucket/models/spam/0f/model"
        assert store.uri("models/spam/0f/model") == uri
        with pytest.raises(InvalidPath):
            store.path(uri.replace("bucket", "another"))


def test_an_account_may_be_named_without_its_host() -> None:
    settings = StorageSettings(blob_store_url="az://account", azure_storage_key=SecretStr("a2V5"))
    uri = "https://account.blob.core.windows.net/models/a"
    assert connect.blob_store(settings).uri("models/a") == uri


@pytest.mark.parametrize("url", ["gs://bucket", "folder", "https://", "s3://", "az://"])
def test_unknown_store(url: str) -> None:
    with pytest.raises(ConfigurationError):
        connect.blob_store(StorageSettings(blob_store_url=url, azure_storage_key=SecretStr("a2V5")))


NAME = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=20)
TRICKS = st.sampled_from(
    (
        *("..", ".", "", " ", "a.", "%2e%2e", "a%2fb", "a\\b", "a\x00", "a\n", "a\x85", "a:b"),
        *("a?b", "#", "*", "~ ", "\ud800", "ä" * 101, "file:", "http:", "|", "<a>", '"'),
    )
)


@given(st.sampled_from(CONTAINERS), st.lists(NAME, min_size=1, max_size=5))
def test_plain_paths_are_valid(container: str, names: list[str]) -> None:
    path = "/".join([container, *names])
    assert validate_path(path) == path


@given(st.lists(NAME, max_size=3), TRICKS, st.lists(NAME, max_size=3))
def test_a_single_bad_name_spoils_a_path(before: list[str], bad: str, after: list[str]) -> None:
    with pytest.raises(InvalidPath):
        validate_path("/".join(["batch", *before, bad, *after]))


@given(st.text(max_size=60))
def test_what_passes_stays_inside(path: str) -> None:
    try:
        validate_path(path)
    except InvalidPath:
        return
    root = Path("/root")
    inside = (root / path).resolve()
    assert inside.is_relative_to(root)
    assert inside.relative_to(root).as_posix() == path


@given(st.from_regex(r"[a-z]{1,8}://?[a-z/.]{0,20}", fullmatch=True))
def test_other_schemes_are_refused(path: str) -> None:
    with pytest.raises(InvalidPath):
        validate_path(path)


def test_too_long() -> None:
    with pytest.raises(InvalidPath):
        validate_path("batch/" + "/".join(["a" * 100] * 10))
