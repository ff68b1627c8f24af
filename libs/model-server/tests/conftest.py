import pytest

from model_server.testing import ServerHome
from platform_core.adapters.blob_store.local import LocalBlobStore


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("home")
    return ServerHome(folder, LocalBlobStore(folder / "blob"))
