"""Fixtures that every package's tests may use: stores and small real releases."""

import logging
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import settings

# pytest names test modules after their folders; a folder that is called like a package (`training`,
# `embedded`) would hide it unless the package is imported first.
import embedded  # noqa: F401
import training  # noqa: F401
from cli.main import main
from platform_core.adapters.blob_store.local import LocalBlobStore
from scoring import Release
from scoring import testing as scoring_testing

settings.register_profile("fuzz", max_examples=10_000)

pytest_plugins = ["platform_core.testing.servers"]


@pytest.fixture(autouse=True)
def logging_is_set_back() -> Iterator[None]:
    """Take away what a program under test installed: it writes to that test's stderr."""
    level = logging.root.level
    yield
    logging.root.setLevel(level)
    for handler in list(logging.root.handlers):
        if type(handler) is logging.StreamHandler:
            logging.root.removeHandler(handler)


CONFIGURATION = Path(__file__).parent / "config" / "embedded.env"
CONFIGURED = (
    "PATH",
    "PLATFORM_CONFIG",
    "PLATFORM_HOME",
    "PLATFORM_ROOT",
    *dotenv_values(CONFIGURATION),
)


@pytest.fixture(autouse=True)
def configuration_is_set_back() -> Iterator[None]:
    """Take away the settings that a command under test read from its configuration file."""
    before = {name: os.environ.get(name) for name in CONFIGURED}
    yield
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def mlplatform(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs a command in this process: its settings, then its arguments.

    A process of its own would spend a second or two on imports. The tests of libs/cli start real
    processes: they check exit codes and signals.
    """

    def run(settings: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
        with monkeypatch.context() as environment:
            for name, value in settings.items():
                environment.setenv(name, value)
            capsys.readouterr()
            code = main(arguments)
        return subprocess.CompletedProcess(arguments, code, *capsys.readouterr())

    return run


@pytest.fixture
def blob_store(tmp_path: Path) -> LocalBlobStore:
    """An empty blob store in a folder of its own."""
    return LocalBlobStore(tmp_path / "blob")


@pytest.fixture(scope="session")
def trained() -> Callable[[str, int], bytes]:
    """Return a function that trains the first candidate of a use case: name, seed → ONNX bytes."""
    return scoring_testing.train


@pytest.fixture(scope="session")
def make_release() -> Callable[..., Release]:
    """Return a function that builds and stores a real release with its lineage and baseline."""
    return scoring_testing.make_release
