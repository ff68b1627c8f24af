"""Contract tests of the deployer port."""

from collections.abc import Callable

import pytest

from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import ReleaseRefused
from platform_core.ports.blob_store import BlobStore
from platform_core.storage import release_path
from releases.deployers import DeployableRelease, Deployer
from scoring import Release

STAGING, PRODUCTION = Environment.STAGING, Environment.PRODUCTION
STABLE, CANARY, SHADOW = ServingRole.STABLE, ServingRole.CANARY, ServingRole.SHADOW
MakeStored = Callable[[int], DeployableRelease]


class DeployerContract:
    """Override `deployer`; its servers read releases from the fixture `blob_store`.

    The fixture `make_release` (store, use case, seed) builds and stores a release.
    """

    use_case = "iris"

    @pytest.fixture
    def deployer(self) -> Deployer:
        """Return the deployer under test; nothing is served yet."""
        raise NotImplementedError("override the fixture `deployer`")

    @pytest.fixture
    def stored(self, blob_store: BlobStore, make_release: Callable[..., Release]) -> MakeStored:
        """Return a function that stores the release of a seed."""

        def make(seed: int) -> DeployableRelease:
            return self.deployable(blob_store, make_release(blob_store, self.use_case, seed).id)

        return make

    def deployable(self, store: BlobStore, release_id: str) -> DeployableRelease:
        """Return a release of the use case as the deployer needs it."""
        uri = store.uri(release_path(self.use_case, release_id))
        return DeployableRelease(self.use_case, release_id, uri, "1")

    def is_ready(
        self,
        deployer: Deployer,
        release: DeployableRelease,
        role: ServingRole,
        environment: Environment = STAGING,
    ) -> bool:
        """Ask the deployer."""
        return deployer.is_ready(environment, self.use_case, release.release_id, role)

    def test_nothing_is_served_at_first(self, deployer: Deployer) -> None:
        """An unknown release is not ready; there is no error."""
        for role in ServingRole:
            assert not deployer.is_ready(STAGING, self.use_case, "0" * 32, role)
        assert deployer.is_stable(STAGING, self.use_case, None)
        assert not deployer.is_stable(STAGING, self.use_case, "0" * 32)
        assert deployer.prune(STAGING, self.use_case, ()) == []

    @pytest.mark.parametrize("role", list(ServingRole))
    def test_a_release_is_ready_when_ensure_returns(
        self, deployer: Deployer, stored: MakeStored, role: ServingRole
    ) -> None:
        """In its environment only; ensuring it again changes nothing."""
        release = stored(0)
        deployer.ensure(STAGING, release, role)
        deployer.ensure(STAGING, release, role)
        assert self.is_ready(deployer, release, role)
        assert not self.is_ready(deployer, release, role, PRODUCTION)
        assert deployer.is_stable(STAGING, self.use_case, None)

    def test_several_releases_are_served_at_once(
        self, deployer: Deployer, stored: MakeStored
    ) -> None:
        """A service that is added or removed does not touch the others."""
        stable, canary, shadow = map(stored, (0, 1, 2))
        deployer.ensure(STAGING, stable, STABLE)
        deployer.set_stable(STAGING, self.use_case, stable)
        deployer.ensure(STAGING, canary, CANARY)
        deployer.ensure(STAGING, shadow, SHADOW)
        roles = ((stable, STABLE), (canary, CANARY), (shadow, SHADOW))
        assert all(self.is_ready(deployer, release, role) for release, role in roles)
        keep = [(release.release_id, role) for release, role in roles[:2]]
        assert deployer.prune(STAGING, self.use_case, keep) == [shadow.release_id]
        assert [self.is_ready(deployer, *pair) for pair in roles] == [True, True, False]
        assert deployer.prune(STAGING, self.use_case, keep) == []
        assert deployer.is_stable(STAGING, self.use_case, stable.release_id)

    def test_a_canary_becomes_the_stable_release(
        self, deployer: Deployer, stored: MakeStored
    ) -> None:
        """Its service in the new role is ready before anything of the old roles ends."""
        old, new = stored(0), stored(1)
        deployer.ensure(STAGING, old, STABLE)
        deployer.set_stable(STAGING, self.use_case, old)
        deployer.ensure(STAGING, new, CANARY)
        deployer.ensure(STAGING, new, STABLE)
        assert self.is_ready(deployer, new, CANARY)
        assert self.is_ready(deployer, old, STABLE)
        deployer.set_stable(STAGING, self.use_case, new)
        assert deployer.is_stable(STAGING, self.use_case, new.release_id)
        keep = [(new.release_id, STABLE), (old.release_id, STABLE)]
        deployer.prune(STAGING, self.use_case, keep)
        assert self.is_ready(deployer, old, STABLE)
        assert self.is_ready(deployer, new, STABLE)

    def test_the_plain_name_answers_with_the_stable_release(
        self, deployer: Deployer, stored: MakeStored
    ) -> None:
        """Setting another, or the same again, is allowed; `None` ends it."""
        first, second = stored(0), stored(1)
        deployer.ensure(PRODUCTION, first, STABLE)
        deployer.ensure(PRODUCTION, second, STABLE)
        for release in (first, second, second, first):
            deployer.set_stable(PRODUCTION, self.use_case, release)
            for other in (first, second):
                answers = deployer.is_stable(PRODUCTION, self.use_case, other.release_id)
                assert answers == (other == release)
            assert not deployer.is_stable(PRODUCTION, self.use_case, None)
        assert deployer.is_stable(STAGING, self.use_case, None)
        deployer.set_stable(PRODUCTION, self.use_case, None)
        deployer.set_stable(PRODUCTION, self.use_case, None)
        assert deployer.is_stable(PRODUCTION, self.use_case, None)
        assert not deployer.is_stable(PRODUCTION, self.use_case, first.release_id)
        assert self.is_ready(deployer, first, STABLE, PRODUCTION)

    def test_a_corrupt_release_is_refused_and_the_others_serve(
        self, deployer: Deployer, stored: MakeStored, blob_store: BlobStore
    ) -> None:
        """The message names the damage; the release is served once it is repaired."""
        good, bad = stored(0), stored(1)
        path = f"{release_path(self.use_case, bad.release_id)}/model/{self.use_case}/1/model.onnx"
        intact = blob_store.read(path)
        blob_store.write(path, intact[:-1] + b"\x00\x00")
        deployer.ensure(STAGING, good, STABLE)
        deployer.set_stable(STAGING, self.use_case, good)
        for role in ServingRole:
            with pytest.raises(ReleaseRefused, match="corrupt"):
                deployer.ensure(STAGING, bad, role)
            assert not self.is_ready(deployer, bad, role)
        assert self.is_ready(deployer, good, STABLE)
        assert deployer.is_stable(STAGING, self.use_case, good.release_id)
        blob_store.write(path, intact)
        deployer.ensure(STAGING, bad, STABLE)
        assert self.is_ready(deployer, bad, STABLE)

    def test_a_refused_release_is_removed(
        self, deployer: Deployer, blob_store: BlobStore, stored: MakeStored
    ) -> None:
        """What an attempt left does not return."""
        good, missing = stored(0), self.deployable(blob_store, "0" * 32)
        deployer.ensure(STAGING, good, STABLE)
        with pytest.raises(ReleaseRefused):
            deployer.ensure(STAGING, missing, CANARY)
        deployer.prune(STAGING, self.use_case, [(good.release_id, STABLE)])
        assert deployer.prune(STAGING, self.use_case, [(good.release_id, STABLE)]) == []
        assert not self.is_ready(deployer, missing, CANARY)
        assert self.is_ready(deployer, good, STABLE)

    def test_refresh_changes_nothing_without_new_settings(
        self, deployer: Deployer, stored: MakeStored
    ) -> None:
        """The services stay ready."""
        release = stored(0)
        assert deployer.refresh(STAGING, self.use_case) == []
        deployer.ensure(STAGING, release, STABLE)
        assert deployer.refresh(STAGING, self.use_case) == []
        assert self.is_ready(deployer, release, STABLE)

    def test_prune_ends_serving_in_that_environment(
        self, deployer: Deployer, stored: MakeStored
    ) -> None:
        """A release that was removed can be served again."""
        release = stored(0)
        deployer.ensure(STAGING, release, STABLE)
        deployer.ensure(PRODUCTION, release, STABLE)
        assert deployer.prune(STAGING, self.use_case, ()) == [release.release_id]
        assert not self.is_ready(deployer, release, STABLE)
        assert self.is_ready(deployer, release, STABLE, PRODUCTION)
        deployer.ensure(STAGING, release, STABLE)
        assert self.is_ready(deployer, release, STABLE)
