"""Both configurations have the same keys, which are the settings of the programs."""

import ast
import importlib
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from dotenv import dotenv_values

from platform_core.settings import Settings

ROOT = Path(__file__).parent.parent
EMBEDDED, CLUSTER = ROOT / "config" / "embedded.env", ROOT / "config" / "cluster.env"

OF_OTHERS = {
    "RAY_AUTH_MODE",  # Ray asks for the token of RAY_AUTH_TOKEN_PATH
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",  # Ray binds to 127.0.0.1 or to the node's address
    "RAY_USAGE_STATS_ENABLED",  # telemetry off: Ray,
    "MLFLOW_DISABLE_TELEMETRY",  # MLflow,
    "FEAST_USAGE",  # Feast,
    "DO_NOT_TRACK",  # and other tools
    "GIT_PYTHON_REFRESH",  # silences MLflow's git library without git
}
"""Keys that are read by libraries."""

NOT_OF_PROGRAMS = {"platform_core.testing"}
"""Settings of the tests themselves."""

MAY_READ_THE_ENVIRONMENT = {
    # takes back what importing Feast does to the process
    "libs/platform-core/src/platform_core/adapters/feast_repository/quiet_import.py",
    "libs/platform-core/src/platform_core/testing/machine.py",  # the tests' servers inherit it
    # waits in little memory, before the import of the settings
    "model-serving/inference-service/src/inference_service/standby.py",
}
SECRETS = {
    "AZURE_STORAGE_KEY",
    "S3_ACCESS_KEY_ID",
    "S3_SECRET_ACCESS_KEY",
    "REDIS_URL",
    "GATEWAY_API_KEY",
    "CONSOLE_SECRET",
}


def keys(path: Path) -> list[str]:
    lines = path.read_text().splitlines()
    return [line.partition("=")[0] for line in lines if line and not line.startswith("#")]


def source_files() -> list[Path]:
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    return sorted(p for m in workspace["members"] for p in (ROOT / m / "src").rglob("*.py"))


def module_name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts[path.parts.index("src") + 1 :])


def descendants(kind: type[Settings]) -> Iterator[type[Settings]]:
    for child in kind.__subclasses__():
        yield child
        yield from descendants(child)


@pytest.fixture(scope="module")
def fields() -> set[str]:
    """The fields of all settings, as names of environment variables."""
    for path in source_files():
        if path.name == "settings.py":
            importlib.import_module(module_name(path))
    return {
        name.upper()
        for kind in descendants(Settings)
        if not kind.__module__.startswith(tuple(NOT_OF_PROGRAMS)) and ".test" not in kind.__module__
        for name in kind.model_fields
    }


def test_both_files_have_the_same_keys_in_the_same_order():
    assert keys(EMBEDDED) == keys(CLUSTER)
    assert len(keys(EMBEDDED)) == len(set(keys(EMBEDDED)))


def test_the_keys_are_the_fields_of_all_settings(fields: set[str]):
    ours = set(keys(EMBEDDED)) - OF_OTHERS
    assert sorted(fields - ours) == [], "these settings have no line in config/*.env"
    assert sorted(ours - fields) == [], "no program reads these lines of config/*.env"


def test_every_key_has_a_comment_of_its_own_in_the_embedded_file():
    unexplained, comment = [], False
    for line in EMBEDDED.read_text().splitlines():
        if line and not line.startswith("#") and not comment:
            unexplained.append(line)
        comment = line.startswith("#")
    assert unexplained == []


def test_the_cluster_file_has_no_secrets_and_no_variables():
    values = dotenv_values(CLUSTER, interpolate=False)
    assert {name: values[name] for name in SECRETS} == dict.fromkeys(SECRETS, "")
    assert values["ALLOW_DEVELOPMENT_KEYS"] == "false"
    assert [name for name, value in values.items() if "$" in value] == []


def test_the_embedded_file_listens_on_localhost_only():
    values = dotenv_values(EMBEDDED, interpolate=False)
    hosts = {name: value for name, value in values.items() if name.endswith("_HOST")}
    assert set(hosts.values()) == {"127.0.0.1"}
    assert [name for name, value in values.items() if "0.0.0.0" in value] == []


def test_the_environment_is_read_in_settings_modules_only():
    readers = []
    for path in source_files():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv", "environb"}:
                owner = node.value
                if isinstance(owner, ast.Name) and owner.id == "os" and path.name != "settings.py":
                    readers.append(path.relative_to(ROOT).as_posix())
    assert set(readers) <= MAY_READ_THE_ENVIRONMENT


def test_the_rate_limit_of_a_laptop_does_not_stop_a_fast_caller():
    per_minute = int(dotenv_values(EMBEDDED)["RATE_LIMIT"].removesuffix("/minute"))
    assert per_minute >= 60 * 10_000
    assert f"{per_minute:,} requests a minute" in (ROOT / "README.md").read_text()
