"""The manifests of all components: their overlays, rendered by kustomize."""

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
# In the order of application: the first ones create identities, secrets and rules.
COMPONENTS = (
    "monitoring",
    "monitoring/drift_detector",
    "model-serving/batch-inference",
    "model-serving/inference-service",
    "monitoring/release_controller",
    "model-serving/api-gateway",
    "monitoring/console",
    "training",
    "libs/releases",
)
TAG, REGISTRY = "IMAGE_TAG", "IMAGE_REGISTRY"
_TAG_RULE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
# libyaml's loader, if PyYAML has it, is ten times faster; both create plain values only.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MOVING = {"latest", "main", "dev", TAG}
Manifest = dict[str, Any]
Way = tuple[str | int, ...]


class Refused(Exception):
    """The request violates the rule in the message. Nothing has been changed."""


@dataclass(frozen=True)
class Overlay:
    """A kustomization that can be applied."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder below the checkout."""
        return self.folder.relative_to(ROOT).as_posix()

    @property
    def installation(self) -> str:
        """The installation it belongs to; a job template belongs to production."""
        name = self.folder.name.partition("-")[0]
        return name if name in installations() else "production"


def overlays() -> list[Overlay]:
    """Return every overlay and every job template, variants included."""
    patterns = ("*/deploy/overlays/*", "*/*/deploy/overlays/*", "*/*/deploy/jobs/*")
    found = {path.parent for p in patterns for path in ROOT.glob(f"{p}/kustomization.yaml")}
    return [Overlay(folder) for folder in sorted(found)]


def installations() -> list[str]:
    """Return the names of the installations."""
    folder = ROOT / "config" / "installations"
    return sorted(path.parent.name for path in folder.glob("*/installation.env"))


def checked_installation(name: str) -> str:
    """Return `name` if an installation has it.

    Raises:
        Refused: there is no such installation.
    """
    if name not in installations():
        known = ", ".join(installations())
        raise Refused(f"there is no installation {name!r}; config/installations has: {known}")
    return name


def overlays_of(installation: str) -> list[Overlay]:
    """Return the overlay of each component, in the order in which they are applied.

    Raises:
        Refused: there is no such installation.
    """
    name = checked_installation(installation)
    return [Overlay(ROOT / c / "deploy" / "overlays" / name) for c in COMPONENTS]


def checked_tag(tag: str) -> str:
    """Return `tag` if images may be deployed by it.

    Raises:
        Refused: it is missing, malformed, or not the name of one build.
    """
    if not tag:
        raise Refused("IMAGE_TAG is missing: name the build, e.g. IMAGE_TAG=1.4.0")
    if not _TAG_RULE.fullmatch(tag) or tag in _MOVING:
        raise Refused(
            f"IMAGE_TAG={tag!r:.150} does not name one build: use 1 to 128 of A-Z a-z 0-9 _ . - "
            f"and none of {', '.join(sorted(_MOVING))}"
        )
    return tag


def render(overlay: Overlay, values: Mapping[str, str]) -> str:
    """Render an overlay with kustomize, with `values` for its placeholders.

    Raises:
        Refused: kubectl is missing, or kustomize refuses the overlay.
    """
    if shutil.which("kubectl") is None:
        raise Refused("kubectl is not on PATH: manifests are rendered by `kubectl kustomize`")
    command = ["kubectl", "kustomize", str(overlay.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(f"{overlay.name}: {done.stderr.strip()}")
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, values))})\b") if values else None
    return pattern.sub(lambda m: values[m[0]], done.stdout) if pattern else done.stdout


def parse(text: str) -> list[Manifest]:
    """Return the objects of a rendered overlay."""
    return [document for document in yaml.load_all(text, Loader=_LOADER) if document]


def read_env(file: Path) -> dict[str, str]:
    """Return the lines `KEY=value` of a file as kustomize reads them: literally."""
    lines = (line for line in file.read_text().splitlines() if line and not line.startswith("#"))
    return {key: value for key, _, value in (line.partition("=") for line in lines)}


def on_azure(installation: str) -> bool:
    """Return whether an installation gets its identities and secrets from Azure."""
    return "TENANT_ID" in installation_values(installation)


def installation_values(installation: str) -> dict[str, str]:
    """Return the contents of `installation.env` of an installation."""
    return read_env(ROOT / "config" / "installations" / installation / "installation.env")


def names(manifest: Manifest) -> str:
    """Return `kind/namespace/name` of an object."""
    metadata = manifest["metadata"]
    return f"{manifest['kind']}/{metadata.get('namespace', '-')}/{metadata['name']}"


def walk(
    node: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield every value of a document with its path."""
    yield path, node
    pairs = node.items() if isinstance(node, dict) else ()
    pairs = enumerate(node) if isinstance(node, list) else pairs
    for key, value in pairs:
        yield from walk(value, (*path, key))
