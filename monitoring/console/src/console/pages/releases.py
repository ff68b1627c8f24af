"""The releases of a use case: the list, one of them, and two side by side."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from console.pages.cards import MeasuredValue, ShownCard, shown_card
from console.pages.platform import read_release
from console.pages.serving import describe
from console.web.visit import SignedIn
from mlplatform_client.models.lineage import HeldOutComparison
from mlplatform_client.models.releases import ReleaseCard, ReleaseSummary
from platform_core.contracts.tasks import ERROR_METRICS

router = APIRouter()
LOWER_IS_BETTER = ERROR_METRICS | {"brier", "log_loss", "calibration_error"}


@dataclass(frozen=True)
class MetricRow:
    """One metric of one or two releases. `verdict` is `better` or `worse` only if the intervals are
    apart; `start` and `end` are the scale of a picture of both.
    """

    name: str
    this: MeasuredValue | None
    other: MeasuredValue | None
    difference: float | None = None
    verdict: str = ""
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True)
class HeldOutResult:
    """What the gate `champion` of the release `judged` found: both were scored on the same rows."""

    judged: str
    champion: str
    comparison: HeldOutComparison


@dataclass(frozen=True)
class SliceRow:
    """One metric of a slice, of one or two releases, with the rows of each."""

    kind: str
    name: str
    metric: str
    this: MeasuredValue | None
    other: MeasuredValue | None
    rows: tuple[int | None, int | None]


@router.get("/use-cases/{use_case}/releases")
async def releases(visit: SignedIn, use_case: str, cursor: str | None = None) -> Response:
    """Show the releases, newest first."""
    described = await describe(visit, use_case, releases_cursor=cursor, history=1)
    return await visit.use_case_page(
        "releases.html",
        f"Releases of {use_case}",
        use_case,
        described=described,
        first=cursor is None,
        metric=_main_metric(described.value.releases if described.value else []),
    )


@router.get("/use-cases/{use_case}/releases/compare")
async def compare(visit: SignedIn, use_case: str, this: str = "", other: str = "") -> Response:
    """Show two releases side by side."""
    if not this or not other:
        return RedirectResponse(f"/use-cases/{use_case}/releases", 303)
    mine, theirs = await asyncio.gather(
        read_release(visit, use_case, this, compare=other), read_release(visit, use_case, other)
    )
    one, two = mine.value, theirs.value
    cards = [shown_card(one), shown_card(two)]
    return await visit.use_case_page(
        "compare.html",
        f"{this[:8]} and {other[:8]}",
        use_case,
        known=mine,
        this=one,
        other=two,
        cards=cards,
        held_out_result=held_out_result(one, two),
        champion_unknown=champion_unknown(one, two),
        metrics=metric_rows(*cards),
        slices=slice_rows(*cards),
    )


@router.get("/use-cases/{use_case}/releases/{release_id}")
async def release(visit: SignedIn, use_case: str, release_id: str) -> Response:
    """Show one release: metrics, gates, data, lineage."""
    known, described = await asyncio.gather(
        read_release(visit, use_case, release_id),
        describe(visit, use_case, history=1),
    )
    one = known.value
    card = shown_card(one)
    return await visit.use_case_page(
        "release.html",
        f"Release {release_id[:8]}",
        use_case,
        known=known,
        release=one,
        release_id=one.release_id if one else release_id,
        card=card,
        metrics=metric_rows(card),
        slices=slice_rows(card),
        described=described,
    )


def held_out_result(one: ReleaseCard | None, two: ReleaseCard | None) -> HeldOutResult | None:
    """Return what the gate of one of two releases found about both on the same rows, if it compared
    them.
    """
    for judged, champion in ((one, two), (two, one)):
        for comparison in _compared_with_champion(judged):
            if judged and champion and comparison.reference_release == champion.release_id:
                return HeldOutResult(judged.release_id, champion.release_id, comparison)
    return None


def champion_unknown(*cards: ReleaseCard | None) -> bool:
    """Return whether a gate of one of the releases compared it with one that was not recorded."""
    found = (one for card in cards for one in _compared_with_champion(card))
    return any(one.reference_release is None for one in found)


def _compared_with_champion(card: ReleaseCard | None) -> list[HeldOutComparison]:
    gates = (card.gates if card else None) or []
    return [gate.comparison for gate in gates if gate.name == "champion" and gate.comparison]


def metric_rows(this: ShownCard, other: ShownCard | None = None) -> list[MetricRow]:
    """Return the metrics of a card, the one that releases are judged by first, next to those of
    another card.
    """
    theirs = other.metrics if other else {}
    names = [name for name in [*this.metrics, *theirs] if name != "rows"]
    rows = []
    for name in sorted(dict.fromkeys(names), key=lambda name: name != this.metric):
        one, two = this.metrics.get(name), theirs.get(name)
        rows.append(_compared(name, one, two) if one and two else MetricRow(name, one, two))
    return rows


def _compared(name: str, one: MeasuredValue, two: MeasuredValue) -> MetricRow:
    if one.value is None or two.value is None:
        return MetricRow(name, one, two)
    ends = [v for m in (one, two) for v in (m.low, m.value, m.high) if v is not None]
    margin = (max(ends) - min(ends)) / 10 or 0.01
    scale = (min(ends) - margin, max(ends) + margin)
    return MetricRow(name, one, two, one.value - two.value, _verdict(name, one, two), *scale)


def slice_rows(this: ShownCard, other: ShownCard | None = None) -> list[SliceRow]:
    """Return the first metric of each slice of a card, next to that of another card."""
    mine = {(one.kind, one.name): one for one in this.slices}
    theirs = {(one.kind, one.name): one for one in (other.slices if other else [])}
    rows = []
    for key in dict.fromkeys([*mine, *theirs]):
        one, two = mine.get(key), theirs.get(key)
        metrics = [slice_.metrics if slice_ else {} for slice_ in (one, two)]
        name = next(iter(metrics[0] or metrics[1]), "")
        rows.append(
            SliceRow(
                *key,
                name,
                metrics[0].get(name),
                metrics[1].get(name),
                (one.rows if one else None, two.rows if two else None),
            )
        )
    return rows


def _verdict(name: str, one: MeasuredValue, two: MeasuredValue) -> str:
    if one.low is None or one.high is None:
        return "not judged: no interval of this release"
    if two.low is None or two.high is None:
        return "not judged: no interval of the other release"
    if one.low <= two.high and two.low <= one.high:
        return "intervals overlap"
    higher = one.low > two.high
    return "better" if higher != (name in LOWER_IS_BETTER) else "worse"


def _main_metric(releases: Sequence[ReleaseSummary]) -> str:
    """Return the metric that all releases are judged by, for the list."""
    for one in releases:
        for name in ("f1", "f1_macro", "roc_auc", "accuracy", "mae", "rmse"):
            if one.metrics and name in one.metrics:
                return name
    return ""
