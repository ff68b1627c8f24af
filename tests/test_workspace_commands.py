"""Every command of make and mlplatform in the documents exists, with its options."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from documented_commands import commands
from manifests import ROOT, read_env
from typer.exceptions import TyperException

from cli.main import build_app

CLUSTER = read_env(ROOT / "config" / "cluster.env")
PLACES = [ROOT, ROOT / "monitoring", ROOT / "model-serving", ROOT / "training"]
SYNOPSES = ROOT / "docs" / "reference" / "command-line.md"
DOCUMENTS = {ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")}
PAGES = sorted(DOCUMENTS - {SYNOPSES})
pages = pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
TARGET = re.compile(r"[a-z][a-z-]+")
VARIABLE = re.compile(r"([A-Z_]+)=")


@pytest.fixture(scope="module")
def program() -> Any:
    return typer.main.get_command(build_app())


def problem(program: Any, words: list[str]) -> str:
    """Return why mlplatform does not accept the words; empty if it does.

    The name of a command alone is a mention of it, whatever it needs.
    """
    command, rest = program, list(words)
    while rest and (subcommand := getattr(command, "commands", {}).get(rest[0])):
        command = subcommand
        rest.pop(0)
    if hasattr(command, "commands") and rest:
        return f"no command {' '.join(words)}"
    if not rest:
        return ""
    try:
        command.make_context(command.name, rest)
    except TyperException as error:
        return f"{' '.join(words)}: {error.format_message()}"
    return ""


def makefiles() -> list[str]:
    return [(place / "Makefile").read_text() for place in PLACES if (place / "Makefile").exists()]


@pages
def test_every_command_of_mlplatform_exists_with_its_options(page: Path, program: Any):
    found = list(commands(page, "mlplatform"))
    assert [p for words in found if words != ["--help"] and (p := problem(program, words))] == []


@pages
def test_every_command_of_make_has_its_target_and_variables(page: Path):
    for words in commands(page, "make"):
        targets = [word for word in words if TARGET.fullmatch(word)]
        known = [m for m in makefiles() if all(re.search(rf"^{t}:", m, re.M) for t in targets)]
        assert known, words
        variables = {found[1] for word in words if (found := VARIABLE.match(word))}
        unknown = {name for name in variables if not any(name in m for m in known)} - set(CLUSTER)
        assert unknown == set(), words


def test_the_commands_of_the_documents_are_found():
    assert sum(len(list(commands(page, "mlplatform"))) for page in PAGES) > 80
    assert sum(len(list(commands(page, "make"))) for page in PAGES) > 60


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["promot"], "no command"),
        (["promote", "--relase", "x"], "--relase"),
        (["release", "shows", "x"], "no command"),
        (["canary", "--environment", "x"], "environment"),
        (["feedback", "--use-case", "spam"], "Missing"),
        (["new-use-case", "x", "--data", "x"], "--label"),
    ],
)
def test_a_wrong_command_is_noticed(program: Any, words: list[str], said: str):
    assert said in problem(program, words)


def test_every_benchmark_of_the_documents_exists():
    source = (ROOT / "benchmarks" / "run.py").read_text()
    sections = set(re.findall(r'^    "([a-z]+)": "', source, re.MULTILINE))
    asked = {
        word.removeprefix("ARGS=").split()[0]
        for page in PAGES
        for words in commands(page, "make")
        for word in words
        if words[0] == "bench" and word.startswith("ARGS=")
    }
    assert len(asked) > 5
    assert {name for name in asked if not name.startswith("-")} - sections == set()
