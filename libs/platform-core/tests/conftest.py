"""Stores that the tests of the ledger and of changes share."""

from pathlib import Path
from uuid import uuid4

import pytest

from platform_core.adapters import connect
from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.blob_store.memory import MemoryBlobStore
from platform_core.ports.blob_store import BlobStore


@pytest.fixture(params=["local", "memory", "azurite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
    """A blob store of each kind; that of Azure is shared by all tests."""
    if request.param == "azurite":
        return connect.blob_store(request.getfixturevalue("azurite").settings)
    return LocalBlobStore(tmp_path) if request.param == "local" else MemoryBlobStore()


@pytest.fixture
def use_case() -> str:
    """The name of a use case that no other test uses."""
    return f"case{uuid4().hex}"
