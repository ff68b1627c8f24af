"""The Makefile lists all tasks."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def make(*arguments: str, folder: Path = ROOT) -> str:
    command = ["make", "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_help_is_the_default_and_lists_every_target():
    listed = re.findall(r"^  make ([a-z-]+) +\S", make(), flags=re.MULTILINE)
    text = (ROOT / "Makefile").read_text().replace("\\\n", " ")
    phony = re.search(r"^\.PHONY:(.*)$", text, flags=re.MULTILINE)[1].split()
    assert sorted(listed) == sorted(phony)


def test_the_training_makefile_delegates_with_its_own_paths():
    recipe = make("--dry-run", "compile-pipeline", folder=ROOT / "training")
    assert "mlplatform compile-pipeline" in recipe
    assert f'CALLED_FROM="{ROOT / "training"}"' in recipe


def test_every_script_has_a_line_in_the_readme():
    scripts = {path.name for path in (ROOT / "scripts").iterdir() if path.is_file()}
    lines = (ROOT / "scripts" / "README.md").read_text()
    assert [name for name in scripts - {"README.md"} if f"`{name}`" not in lines] == []
