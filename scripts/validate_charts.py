"""Checks of the Helm releases of terraform/ml-platform in `make validate`."""

from collections.abc import Iterator
from pathlib import Path

from chart_values import contradictions, undocumented
from manifests import ROOT, Refused, parse
from platform_charts import STORE, HelmRelease, Installation, folder_of, installations, template
from server_rules import not_admitted, refused
from validate_tools import FAILED, NOT_CHECKED, CheckResult, check_result, find


def helm_releases(folder: Path, rendered: dict[str, Path]) -> Iterator[CheckResult]:
    """Check values and rendered objects of every release; write the objects to `folder`.

    The files are added to `rendered` by the name of the release.
    """
    if find("terraform") is None:
        yield CheckResult(NOT_CHECKED, "chart values", "terraform is missing: it computes them")
        return
    try:
        found = installations()
    except Refused as error:
        yield CheckResult(FAILED, "chart values", "not computed", str(error).splitlines())
        return
    releases = [release for one in found for release in one.releases]
    problems = [problem for release in releases for problem in contradictions(release)]
    yield check_result("chart values", f"{len(releases)} Helm releases of dev and prod", problems)
    if find("helm") is None:
        missing = "helm is missing: `make setup-checkers` installs it on Linux"
        yield CheckResult(NOT_CHECKED, "chart objects", missing)
        return
    yield from _objects(found, folder, rendered)


def _objects(
    found: list[Installation], folder: Path, rendered: dict[str, Path]
) -> Iterator[CheckResult]:
    problems, absent, count = [], set(), 0
    for installation in found:
        for release in installation.releases:
            chart = folder_of(release)
            if chart is None:
                absent.add(f"{release.chart}-{release.version}")
                continue
            try:
                text = template(release, chart)
            except Refused as error:
                problems += str(error).splitlines()
                continue
            problems += _problems(release, installation, chart, text)
            count += 1
            rendered[release.label] = folder / f"{release.label.replace(' ', '_')}.yaml"
            rendered[release.label].write_text(text)
    yield check_result("chart objects", f"{count} Helm releases rendered", problems)
    if absent:
        place = STORE.relative_to(ROOT)
        why = f"not downloadable, nor in {place}: {', '.join(sorted(absent))}"
        yield CheckResult(NOT_CHECKED, "chart objects", why)


def _problems(
    release: HelmRelease, installation: Installation, chart: Path, text: str
) -> list[str]:
    objects = parse(text)
    found = refused(objects)
    found += not_admitted(objects, release.namespace, installation.admission)
    documented = undocumented(release, chart) if release.version else ()
    return [*(f"{release.label}: {problem}" for problem in found), *documented]
