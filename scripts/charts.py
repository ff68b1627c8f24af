"""The Helm charts of the repository, rendered by Helm."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from manifests import ROOT, Refused

NAMESPACE = "chart"


@dataclass(frozen=True)
class Chart:
    """A chart; the rules of production apply to its objects."""

    folder: Path
    installation: str = "production"

    @property
    def name(self) -> str:
        """The folder below the checkout."""
        return self.folder.relative_to(ROOT).as_posix()

    @property
    def values(self) -> list[str]:
        """Options with the values of `ci/`, which enable every template."""
        return [f"--values={file}" for file in sorted((self.folder / "ci").glob("*-values.yaml"))]


def charts() -> list[Chart]:
    """Return every chart."""
    return [
        Chart(path.parent) for path in sorted((ROOT / "terraform").glob("*/charts/*/Chart.yaml"))
    ]


def template(chart: Chart) -> str:
    """Return the rendered objects of a chart.

    Raises:
        Refused: Helm refuses the chart or the values in its `ci/`.
    """
    command = ["helm", "template", chart.folder.name, str(chart.folder), "--namespace", NAMESPACE]
    done = subprocess.run([*command, *chart.values], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Refused(f"{chart.name}: {done.stderr.strip()}")
    return done.stdout
