"""One suite per port. An adapter's test subclasses it and says how to make the adapter."""

import pytest

pytest.register_assert_rewrite(
    *(
        f"{__name__}.{port}"
        for port in ("blob_store", "feature_store", "job_runner", "online_store", "registry")
    )
)

from platform_core.testing.contracts.blob_store import BlobStoreContract  # noqa: E402
from platform_core.testing.contracts.feature_store import FeatureStoreContract  # noqa: E402
from platform_core.testing.contracts.job_runner import JobRunnerContract  # noqa: E402
from platform_core.testing.contracts.online_store import OnlineStoreContract  # noqa: E402
from platform_core.testing.contracts.registry import ModelRegistryContract  # noqa: E402

__all__ = [
    "BlobStoreContract",
    "FeatureStoreContract",
    "JobRunnerContract",
    "ModelRegistryContract",
    "OnlineStoreContract",
]
