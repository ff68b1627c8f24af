"""Check everything that is deployed, with the installed tools: `make validate`.

A missing tool is reported with what was not checked, and is not a failure.
Exit 0 if no check failed, 1 otherwise.
"""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from charts import Chart, charts, template
from manifests import REGISTRY, TAG, Overlay, Refused, installation_values, overlays, render
from validate_charts import helm_releases
from validate_manifests import alerts, rules, schemas
from validate_tools import (
    FAILED,
    NOT_CHECKED,
    CheckResult,
    checkov,
    find,
    helm_charts,
    terraform_roots,
    workflows,
)

BUILD = "0.0.0-validate"


def main() -> int:
    """Print one line per check, then the problems of those that failed, then a summary."""
    with tempfile.TemporaryDirectory(prefix="validate-") as folder:
        results = [_printed(result) for result in _results(Path(folder))]
    return summarised(results)


def summarised(results: Sequence[CheckResult]) -> int:
    """Print the problems and a summary; return the exit code."""
    failed = [result for result in results if result.state == FAILED]
    skipped = [result for result in results if result.state == NOT_CHECKED]
    for result in failed:
        print(f"\n{result.name}:")
        for line in result.details:
            print(f"    {line}")
    total = f"{len(failed)} of {len(results)} checks failed"
    print(f"\n{total}, {len(skipped)} could not be made")
    if failed:
        counts = (f"{result.name} ({len(result.details)} problems)" for result in failed)
        print(f"failed: {', '.join(counts)}")
    return int(bool(failed))


def _printed(result: CheckResult) -> CheckResult:
    print(f"{result.state:<12} {result.name}: {result.summary}", flush=True)
    return result


def _results(folder: Path) -> Iterator[CheckResult]:
    ours, upstream = folder / "ours", folder / "upstream"
    ours.mkdir()
    upstream.mkdir()
    releases: dict[str, Path] = {}
    yield from helm_releases(upstream, releases)
    yield from _manifests(ours, releases)
    yield from terraform_roots()
    yield from helm_charts()
    yield from workflows()
    yield from checkov(ours)


def _manifests(folder: Path, releases: dict[str, Path]) -> Iterator[CheckResult]:
    if find("kubectl") is None:
        yield CheckResult(
            NOT_CHECKED, "manifests", f"{len(overlays())} overlays: kubectl is missing"
        )
        return
    try:
        rendered = _render_all(folder)
    except Refused as error:
        yield CheckResult(
            FAILED, "manifests", "not all overlays can be rendered", str(error).splitlines()
        )
        return
    yield from rules(rendered)
    yield from schemas({source.name: file for source, file in rendered.items()}, releases)
    yield from alerts(rendered)


def _render_all(folder: Path) -> dict[Overlay | Chart, Path]:
    texts: dict[Overlay | Chart, str] = {}
    for overlay in overlays():
        values = {TAG: BUILD, REGISTRY: installation_values(overlay.installation)[REGISTRY]}
        texts[overlay] = render(overlay, values)
    if find("helm"):
        texts |= {chart: template(chart) for chart in charts()}
    files = {source: folder / f"{source.name.replace('/', '_')}.yaml" for source in texts}
    for source, file in files.items():
        file.write_text(texts[source])
    return files


if __name__ == "__main__":
    sys.exit(main())
