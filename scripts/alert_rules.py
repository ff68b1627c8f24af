"""Write the alert rules as files that Prometheus reads without an operator.

python scripts/alert_rules.py FOLDER [--runbooks-url URL] [--console-url URL]
"""

import argparse
import sys
from pathlib import Path

import yaml
from manifests import ROOT, parse

RULES = ROOT / "monitoring" / "deploy" / "base" / "rules"
RUNBOOKS, CONSOLE = "RUNBOOKS_URL", "CONSOLE_URL"


def write_rules(folder: Path, links: dict[str, str] | None = None) -> list[Path]:
    """Write one file per group of rules; `links` replace the placeholders in annotations."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for source in sorted(RULES.glob("*.yaml")):
        text = source.read_text()
        for placeholder, url in (links or {}).items():
            text = text.replace(placeholder, url.rstrip("/"))
        (rule,) = parse(text)
        target = folder / source.name
        target.write_text(yaml.safe_dump(rule["spec"], sort_keys=False, width=200))
        written.append(target)
    return written


def main() -> int:
    """Write the files and print their paths."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to write")
    parser.add_argument("--runbooks-url", default=(ROOT / "docs" / "runbooks").as_uri())
    parser.add_argument("--console-url", default="http://127.0.0.1:8080")
    given = parser.parse_args()
    links = {RUNBOOKS: given.runbooks_url, CONSOLE: given.console_url}
    for path in write_rules(given.folder, links):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
