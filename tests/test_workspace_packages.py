"""Members, layers and declared dependencies of the workspace."""

import ast
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from platform_core.storage import CONTAINERS

ROOT = Path(__file__).parent.parent
BOOTSTRAP_LINES = 60
FILE_LINES = 400
FOLDER_MODULES = 14
FUNCTION_LINES = 60
OUTSIDE = {"client"}
"""Packages that people install without the platform: `import client` would name anything."""
NAME = re.compile(r"^[A-Za-z0-9._-]+")


@cache
def project(folder: Path) -> dict[str, Any]:
    return tomllib.loads((folder / "pyproject.toml").read_text())


def members() -> list[Path]:
    return [ROOT / member for member in project(ROOT)["tool"]["uv"]["workspace"]["members"]]


def module(member: Path) -> str:
    return project(member)["tool"]["uv"]["build-backend"]["module-name"]


def sources(member: Path) -> list[Path]:
    return sorted((member / "src" / module(member)).rglob("*.py"))


def normal(requirement: str) -> str:
    return re.sub(r"[-_.]+", "-", NAME.match(requirement)[0]).lower()


def declared(member: Path) -> set[str]:
    description = project(member)["project"]
    extras = description.get("optional-dependencies", {}).values()
    everything = [*description["dependencies"], *(r for extra in extras for r in extra)]
    return {normal(requirement) for requirement in everything}


def imported(path: Path) -> Iterator[str]:
    """Yield the top-level packages a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.partition(".")[0]


@cache
def providers() -> dict[str, set[str]]:
    """Return, by top-level package, the distributions that provide it."""
    found = {name: {normal(d) for d in ds} for name, ds in packages_distributions().items()}
    return {**found, **{module(m): {normal(project(m)["project"]["name"])} for m in members()}}


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


every_member = pytest.mark.parametrize("member", members(), ids=names(members()))


def test_the_layers_list_every_member_exactly_once():
    linter = project(ROOT)["tool"]["importlinter"]
    (contract,) = (c for c in linter["contracts"] if c["id"] == "layers")
    layered = [name.strip() for layer in contract["layers"] for name in layer.split("|")]
    expected = sorted(module(member) for member in members())
    assert sorted(layered) == expected
    assert sorted(linter["root_packages"]) == expected


def test_every_package_of_the_repository_is_a_member():
    found = {path.parent for path in ROOT.glob("*/pyproject.toml")}
    found |= {path.parent for path in ROOT.glob("*/*/pyproject.toml")}
    assert {f for f in found if not f.name.startswith(".")} == set(members())


def test_the_root_installs_every_member():
    assert {normal(project(m)["project"]["name"]) for m in members()} <= declared(ROOT)


@every_member
def test_a_member_has_a_readme_and_tests_and_the_right_names(member: Path):
    folder = member.name
    assert project(member)["project"]["name"] == f"mlplatform-{folder}".replace("_", "-")
    expected = f"mlplatform_{folder}" if folder in OUTSIDE else folder
    assert module(member) == expected.replace("-", "_")
    assert (member / "README.md").read_text().strip()
    assert [*member.glob("tests/test_*.py"), *member.parent.glob("tests/test_*.py")]


@every_member
def test_a_member_declares_what_it_imports(member: Path):
    own = {module(member), "__future__", *sys.stdlib_module_names}
    missing = {
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(member)
        for name in imported(path)
        if name not in own and not providers().get(name, {name}) & declared(member)
    }
    assert missing == set()


@every_member
def test_a_member_declares_the_members_it_uses_as_sources_of_the_workspace(member: Path):
    ours = {normal(project(m)["project"]["name"]) for m in members()}
    given = project(member)["tool"]["uv"].get("sources", {})
    assert {normal(name) for name in given} >= (declared(member) & ours) - {
        normal(project(member)["project"]["name"])
    }


@every_member
def test_a_composition_root_is_short(member: Path):
    for path in sources(member):
        if path.name == "bootstrap.py":
            assert len(path.read_text().splitlines()) <= BOOTSTRAP_LINES, path


@every_member
def test_no_file_is_long(member: Path):
    long = [p for p in sources(member) if len(p.read_text().splitlines()) > FILE_LINES]
    assert names(long) == []


def test_tests_have_unique_file_names_and_no_packages():
    tests = [p for folder in (ROOT, *members()) for p in (folder / "tests").rglob("*.py")]
    tests += (ROOT / "monitoring" / "tests").rglob("*.py")
    files = [path.name for path in tests if path.name != "conftest.py"]
    assert sorted(files) == sorted(set(files))
    assert "__init__.py" not in files


STORAGE_NAMES = re.compile(
    rf"^({'|'.join(CONTAINERS)})/|(^|/)(_ledger|_runs|_jobs|_outputs|_retrain-requests|_webhooks)(/|$)"
    r"|(^|/)(use_case|environment|date|hour)=$"
)


def spelled_paths(path: Path) -> Iterator[str]:
    """Yield the string literals of a file that contain a path of blob storage."""
    tree = ast.parse(path.read_text())
    strings = (
        n for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)
    )
    for node in strings:
        if STORAGE_NAMES.search(node.value) and "\n" not in node.value:
            yield f"{path.relative_to(ROOT).as_posix()}:{node.lineno}: {node.value}"


def test_only_one_module_contains_paths_of_blob_storage():
    everything = [path for member in members() for path in sources(member)]
    layout = ROOT / "libs/platform-core/src/platform_core/storage"
    assert len(list(spelled_paths(layout / "__init__.py"))) >= len(CONTAINERS) - 1
    others = (p for p in everything if p.parent != layout and "testing" not in p.parts)
    assert [found for path in others for found in spelled_paths(path)] == []


def public_classes(paths: list[Path]) -> Iterator[tuple[str, Path]]:
    for path in paths:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                yield node.name, path


def test_no_two_public_classes_have_the_same_name():
    """The client's models bear the names of the API's schemas, which are the gateway's models."""
    mirrored = ROOT / "libs/client/src/mlplatform_client/models"
    found: dict[str, list[str]] = {}
    everything = [p for member in members() for p in sources(member) if p.parent != mirrored]
    for name, path in public_classes(everything):
        found.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    assert {name: places for name, places in found.items() if len(places) > 1} == {}


def test_a_folder_holds_few_modules():
    paths = [p for member in members() for p in sources(member) if p.name != "__init__.py"]
    counts = Counter(path.parent.relative_to(ROOT).as_posix() for path in paths)
    assert {folder: n for folder, n in counts.items() if n > FOLDER_MODULES} == {}


def test_no_function_is_long():
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for member in members()
        for path in sources(member)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    ]
    assert long == []


def test_every_package_has_the_version_of_the_change_log():
    versions = {project(folder)["project"]["version"] for folder in [ROOT, *members()]}
    released = re.findall(r"^## (\d+\.\d+\.\d+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions == {released[0]}
