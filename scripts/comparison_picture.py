"""Draw docs/explanation/comparison-verdict.svg: a confidence sequence and its verdicts."""

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import norm

from evaluation.comparison import Levels, Losses, paired_quality
from platform_core.contracts.comparison import ComparisonVerdict, CriterionResult
from platform_core.pages import svg

PICTURE = Path(__file__).parents[1] / "docs" / "explanation" / "comparison-verdict.svg"
RECORDS, FIRST, READINGS = 12_000, 100, 60
LEVELS, LOSSES = Levels.of(4), Losses(margin=0.01)
CANDIDATES = {
    "better": (0.035, 0.94, 0.025),
    "equally good": (0.02, 0.96, 0.02),
    "worse": (0.02, 0.94, 0.04),
}
"""Shares of the records on which only the candidate is right, on which the releases agree, and on
which only the stable release is right."""


def main() -> None:
    """Write the picture to `PICTURE`, or to the file that is named."""
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    panels = figure.subplots(1, len(CANDIDATES), sharey=True)
    for axes, (name, shares) in zip(panels, CANDIDATES.items(), strict=True):
        _draw(axes, name, shares)
    panels[0].set_ylabel("wrong answers: candidate minus stable")
    panels[0].legend(loc="lower right", fontsize=7)
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PICTURE
    target.write_text(svg(figure) + "\n")


def _draw(axes: Axes, name: str, shares: tuple[float, float, float]) -> None:
    differences = np.random.default_rng(4).choice([-1.0, 0.0, 1.0], RECORDS, p=shares)
    counts = np.geomspace(FIRST, RECORDS, READINGS).astype(int)
    read = [paired_quality(differences[:count], LOSSES, LEVELS) for count in counts]
    estimates = np.array([one.estimate for one in read])
    axes.fill_between(
        counts,
        [one.lower or 0.0 for one in read],
        [one.upper or 0.0 for one in read],
        alpha=0.25,
        label="confidence sequence",
    )
    errors = norm.ppf(1 - LEVELS.upper) * np.array(
        [differences[:count].std() / np.sqrt(count) for count in counts]
    )
    for sign in (-1, 1):
        label = "interval of one reading" if sign == 1 else None
        axes.plot(counts, estimates + sign * errors, ":", color="grey", linewidth=1, label=label)
    axes.plot(counts, estimates, color="C0", linewidth=1, label="estimate")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.axhline(LOSSES.margin, color="C3", linewidth=0.8, linestyle="--", label="margin")
    _mark_verdict(axes, counts, read)
    axes.set(xscale="log", xlabel="labelled records", title=f"truth: {name}", ylim=(-0.05, 0.06))


def _mark_verdict(axes: Axes, counts: np.ndarray, read: list[CriterionResult]) -> None:
    """Mark the first reading with each verdict."""
    verdicts = [one.verdict for one in read]
    for verdict in dict.fromkeys(verdicts):
        if verdict is not ComparisonVerdict.UNDECIDED:
            count = counts[verdicts.index(verdict)]
            axes.axvline(count, color="C2", linewidth=0.8)
            axes.text(count, 0.055, verdict.value, rotation=90, ha="right", va="top", fontsize=8)


if __name__ == "__main__":
    main()
