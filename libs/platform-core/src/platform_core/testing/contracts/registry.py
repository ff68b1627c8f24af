"""What every model registry does."""

from pathlib import Path
from uuid import uuid4

import pytest

from platform_core.errors import NotFound, PlatformError, ReleaseNotFound
from platform_core.ports.registry import ModelRegistry, ModelVersion


class ModelRegistryContract:
    """Override `registry` and `model`; each test has a use case of its own."""

    @pytest.fixture
    def registry(self) -> ModelRegistry:
        """Return the registry under test."""
        pytest.fail("override the fixture `registry`")

    @pytest.fixture
    def model(self) -> Path:
        """Return an ONNX file."""
        pytest.fail("override the fixture `model`")

    @pytest.fixture
    def use_case(self) -> str:
        """Return a unique name."""
        return f"case_{uuid4().hex}"

    def register(
        self, registry: ModelRegistry, use_case: str, release_id: str, model: Path
    ) -> ModelVersion:
        """Register `model` as a release without a run."""
        uri = f"https://account.test/models/{use_case}/{release_id}"
        return registry.register(use_case, release_id, uri, model, None, {"metric": "0.9"})

    def test_versions_count_from_one(
        self, registry: ModelRegistry, use_case: str, model: Path
    ) -> None:
        """Newest first, with what was said of each."""
        first = self.register(registry, use_case, "a1", model)
        second = self.register(registry, use_case, "b2", model)
        uri = f"https://account.test/models/{use_case}/a1"
        expected = ModelVersion(use_case, "1", "a1", uri, None, {"metric": "0.9"})
        assert first == expected
        assert registry.versions(use_case) == [second, first]
        assert second.version == "2"

    def test_registering_again_changes_nothing(
        self, registry: ModelRegistry, use_case: str, model: Path
    ) -> None:
        """A release has one version."""
        first = self.register(registry, use_case, "a1", model)
        registry.set_alias(use_case, "staging", "1")
        again = self.register(registry, use_case, "a1", model)
        assert (again.version, again.aliases) == (first.version, ("staging",))
        assert len(registry.versions(use_case)) == 1

    def test_find(self, registry: ModelRegistry, use_case: str, model: Path) -> None:
        """By release, per use case."""
        first = self.register(registry, use_case, "a1", model)
        assert registry.find(use_case, "a1") == first
        for case, release in ((use_case, "b2"), (f"{use_case}_other", "a1")):
            with pytest.raises(ReleaseNotFound, match=release):
                registry.find(case, release)

    def test_alias_moves(self, registry: ModelRegistry, use_case: str, model: Path) -> None:
        """An alias points at one version and can be removed, also twice."""
        self.register(registry, use_case, "a1", model)
        self.register(registry, use_case, "b2", model)
        registry.set_alias(use_case, "production", "1")
        registry.set_alias(use_case, "staging", "1")
        assert registry.find(use_case, "a1").aliases == ("production", "staging")
        registry.set_alias(use_case, "production", "2")
        assert registry.alias(use_case, "production") == registry.find(use_case, "b2")
        assert registry.find(use_case, "a1").aliases == ("staging",)
        for _ in range(2):
            registry.set_alias(use_case, "production", None)
            assert registry.alias(use_case, "production") is None

    def test_nothing_there(self, registry: ModelRegistry, use_case: str, model: Path) -> None:
        """An unknown use case has no versions and no aliases."""
        assert registry.versions(use_case) == []
        assert registry.alias(use_case, "staging") is None
        registry.set_alias(use_case, "staging", None)
        self.register(registry, use_case, "a1", model)
        with pytest.raises(NotFound):
            registry.set_alias(use_case, "staging", "7")

    def test_no_model(self, registry: ModelRegistry, use_case: str, tmp_path: Path) -> None:
        """A file that is not a model is not registered."""
        with pytest.raises(PlatformError):
            self.register(registry, use_case, "a1", tmp_path / "none.onnx")
        assert registry.versions(use_case) == []
