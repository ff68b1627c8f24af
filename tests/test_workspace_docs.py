"""The documents agree with the repository: links lead somewhere, generated pages are current."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")


def tracked(pattern: str) -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", pattern]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / line for line in found.stdout.splitlines() if (ROOT / line).exists()]


def test_every_link_between_documents_leads_somewhere():
    pages = tracked("*.md")
    assert len(pages) > 50
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in LINK.findall(page.read_text())
        if not (page.parent / target).exists()
    ]
    assert broken == []


TEAM = """
from use_cases.blocks import DeclaredUseCase, Id, Label, Number


class PostsUseCase(DeclaredUseCase):
    name, gates, label = "team_posts", ("roc_auc >= 0.5",), Label("label", "a", "b")
    fields = (Id("post_id"), Number("length", maximum=10))
"""


@pytest.mark.parametrize("installed", [False, True], ids=["alone", "with a use case of a team"])
def test_generated_pages_are_current(tmp_path, installed):
    if installed:
        package = tmp_path / "team_posts-1.0.dist-info"
        package.mkdir()
        (package / "METADATA").write_text("Metadata-Version: 2.1\nName: team-posts\nVersion: 1.0\n")
        offered = "[mlplatform.use_cases]\nteam_posts = team_posts:PostsUseCase\n"
        (package / "entry_points.txt").write_text(offered)
        (tmp_path / "team_posts.py").write_text(TEAM)
    command = [sys.executable, "scripts/references.py", "--check"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_script_of_a_reference_is_checked():
    listed = (ROOT / "scripts" / "references.py").read_text()
    scripts = [path.stem for path in (ROOT / "scripts").glob("*_reference.py")]
    assert len(scripts) >= 7
    assert [name for name in scripts if f"import {name}\n" not in listed] == []


def test_decisions_have_distinct_numbers_and_are_listed():
    names = [p.name for p in tracked("docs/adr/*.md") if p.name != "README.md"]
    numbers = [name[:4] for name in names]
    assert sorted(numbers) == sorted(set(numbers))
    index = (ROOT / "docs" / "adr" / "README.md").read_text()
    assert [name for name in names if f"({name})" not in index] == []


def test_the_page_on_architecture_names_every_package():
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    page = (ROOT / "docs" / "architecture.md").read_text()
    assert [name for name in members["root_packages"] if f"`{name}`" not in page] == []
