"""Contract tests of the deployer port."""

from collections.abc import Callable

import pytest

from platform_core.contracts.environments import Environment
from platform_core.errors import ReleaseRefused
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import release_path
from releases.deployers.environment_port import EnvironmentDeployer
from scoring import Release

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION


class EnvironmentDeployerContract:
    """Override `deployer`; its servers read releases from the fixture `blob_store`.

    The fixture `make_release` (store, use case, seed) builds and stores a release.
    """

    use_case = "iris"

    @pytest.fixture
    def deployer(self) -> EnvironmentDeployer:
        """Return the deployer under test; nothing is served yet."""
        raise NotImplementedError("override the fixture `deployer`")

    @pytest.fixture
    def put(self, deployer: EnvironmentDeployer, blob_store: BlobStore) -> Callable[..., None]:
        """Return a function that deploys a stored release."""

        def put(release_id: str, environment: Environment = STAGING, version: str = "1") -> None:
            uri = blob_store.uri(release_path(self.use_case, release_id))
            deployer.deploy(self.use_case, environment, release_id, uri, version)

        return put

    def test_nothing_is_served_at_first(self, deployer: EnvironmentDeployer) -> None:
        """`None`, not an error."""
        assert deployer.served(self.use_case, STAGING) is None
        assert deployer.serves_only(self.use_case, STAGING, None)
        assert not deployer.serves_only(self.use_case, STAGING, "0" * 32)

    def test_a_deployed_release_is_served_when_deploy_returns(
        self,
        deployer: EnvironmentDeployer,
        put: Callable[..., None],
        blob_store: BlobStore,
        make_release: Callable[..., Release],
    ) -> None:
        """In its environment only; the next release replaces it; the same one may follow itself."""
        first, second = (make_release(blob_store, self.use_case, seed).id for seed in (0, 1))
        put(first)
        assert deployer.served(self.use_case, STAGING) == first
        assert deployer.served(self.use_case, PRODUCTION) is None
        put(first, PRODUCTION)
        put(second, version="2")
        put(second, version="2")
        assert deployer.served(self.use_case, STAGING) == second
        assert deployer.served(self.use_case, PRODUCTION) == first
        assert deployer.serves_only(self.use_case, STAGING, second)
        for release in (first, None):
            assert not deployer.serves_only(self.use_case, STAGING, release)

    def test_a_corrupt_release_is_refused_and_the_old_one_serves(
        self,
        deployer: EnvironmentDeployer,
        put: Callable[..., None],
        blob_store: BlobStore,
        make_release: Callable[..., Release],
    ) -> None:
        """The message names the damage; the old release can still be deployed and replaced."""
        good, bad = (make_release(blob_store, self.use_case, seed).id for seed in (0, 1))
        path = f"{release_path(self.use_case, bad)}/model/{self.use_case}/1/model.onnx"
        intact = blob_store.read(path)
        blob_store.write(path, intact[:-1] + b"\x00\x00")
        put(good)
        with pytest.raises(ReleaseRefused, match="corrupt"):
            put(bad)
        assert deployer.served(self.use_case, STAGING) == good
        blob_store.write(path, intact)
        put(bad)
        assert deployer.served(self.use_case, STAGING) == bad

    def test_a_first_release_that_is_refused_leaves_nothing_served(
        self, deployer: EnvironmentDeployer, put: Callable[..., None]
    ) -> None:
        """There is no previous release to restore."""
        with pytest.raises(ReleaseRefused):
            put("0" * 32)
        assert deployer.served(self.use_case, STAGING) is None

    def test_withdraw_ends_serving_in_that_environment(
        self,
        deployer: EnvironmentDeployer,
        put: Callable[..., None],
        blob_store: BlobStore,
        make_release: Callable[..., Release],
    ) -> None:
        """Withdrawing is idempotent, and the release can be deployed again."""
        release = make_release(blob_store, self.use_case, 0).id
        put(release)
        put(release, PRODUCTION)
        deployer.withdraw(self.use_case, STAGING)
        deployer.withdraw(self.use_case, STAGING)
        assert deployer.served(self.use_case, STAGING) is None
        assert deployer.serves_only(self.use_case, STAGING, None)
        assert deployer.served(self.use_case, PRODUCTION) == release
        put(release)
        assert deployer.served(self.use_case, STAGING) == release
