"""Show access.yaml as the table of README.md: `--check` compares, `--write` replaces it."""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
BEGIN, END = "<!-- access.yaml begins -->", "<!-- access.yaml ends -->"
Access = dict[str, Any]


def main() -> None:
    """Exit 0 when the table is right (or has been written), 1 with the reason when it is not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="replace the table in README.md")
    parser.add_argument("--check", action="store_true", help="compare it (the default)")
    readme = HERE / "README.md"
    access = yaml.safe_load((HERE / "access.yaml").read_text())
    text = readme.read_text()
    before, rest = text.split(BEGIN)
    wanted = f"{before}{BEGIN}\n{table(access)}\n{END}{rest.split(END)[1]}"
    if parser.parse_args().write:
        readme.write_text(wanted)
    elif text != wanted:
        sys.exit("README.md does not show access.yaml; run access_table.py --write")


def table(access: Access) -> str:
    """Return two Markdown tables: of the components, and of people."""
    lines = ["| component | service accounts | blobs | roles | secrets |", "|---|---|---|---|---|"]
    for name, component in access["components"].items():
        cells = [
            f"**{name}**: {component['purpose']}",
            _join(f"`{account}`" for account in component["service_accounts"]),
            _join(_grant(grant) for grant in component["blobs"]),
            _join(_role(role) for role in component.get("roles", [])),
            _join(f"`{secret}`" for secret in component.get("secrets", [])),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| people | roles |", "|---|---|"]
    for name, group in access["people"].items():
        roles = _join(_role(role) for role in group["roles"])
        lines.append(f"| **{name}**: {group['purpose']} | {roles} |")
    return "\n".join(lines)


def _grant(grant: Access) -> str:
    text = f"{', '.join(grant['may'])} `{grant['container']}`"
    if "paths" in grant:
        text += f" (only {', '.join(f'`{path}`' for path in grant['paths'])})"
    return text


def _role(role: Access) -> str:
    return f"{role['role']} on {role['scope'].replace('_', ' ')}"


def _join(parts: Iterable[str]) -> str:
    return "<br>".join(parts) or "none"


if __name__ == "__main__":
    main()
