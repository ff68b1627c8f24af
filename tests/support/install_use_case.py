"""`python install_use_case.py PACKAGE FOLDER`: as `pip install --target`, without an index."""

import shutil
import sys
import tomllib
from pathlib import Path


def install(package: Path, folder: Path) -> None:
    """Copy the modules of a package into `folder`, with the metadata of its entry points."""
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    shutil.copytree(package / "src", folder, dirs_exist_ok=True)
    metadata = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (metadata / "METADATA").write_text(head)
    lines = []
    for group, offered in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {target}" for name, target in offered.items())]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    install(Path(sys.argv[1]), Path(sys.argv[2]))
