"""Writes docs/explanation/drift-verdict.svg: the evidence of three streams over a week of hours.

The e-values are those of the drift detector's own test; the traffic is simulated with a seed.
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from evaluation.drift import LONGEST, SequentialTest
from platform_core.pages import svg

TARGET = Path(__file__).parent.parent / "docs" / "explanation" / "drift-verdict.svg"
BASELINE_ROWS, WINDOW_ROWS, LOOKS, CHANGE = 4_000, 2_000, 168, 96
SHARE = 0.32
STREAMS = {
    "no difference": 0.0,
    "2 points: the tolerance": 0.02,
    "5 points from hour 97": 0.05,
    "10 points from hour 97": 0.10,
}
LOWEST = 1e-4


def evidence(test: SequentialTest, shift: float) -> list[float]:
    """Return the e-value of a share after each look; larger shifts begin at `CHANGE`."""
    random = np.random.default_rng(3)
    baseline = np.array([[random.binomial(BASELINE_ROWS, SHARE)]])
    begins = 0 if shift <= test.tolerance else CHANGE
    shares = SHARE + shift * (np.arange(LOOKS) >= begins)
    counts = random.binomial(WINDOW_ROWS, shares).astype(float)[:, None, None]
    found = []
    for look in range(1, LOOKS + 1):
        seen = counts[max(0, look - LONGEST) : look]
        size = seen.shape[:2]
        value = test.e_values(
            baseline,
            np.array([BASELINE_ROWS]),
            seen,
            np.full(size, WINDOW_ROWS),
            np.ones(size),
        )
        found.append(float(value[0]))
    return found


def picture(test: SequentialTest) -> Figure:
    """Return the evidence of each stream over the looks, with the threshold."""
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    hours = np.arange(1, LOOKS + 1)
    for name, shift in STREAMS.items():
        values = np.clip(evidence(test, shift), LOWEST, 1e12)
        axes.plot(hours, values, label=name, linewidth=1.5)
    axes.axhline(1 / test.alpha, color="black", linestyle="--", linewidth=1)
    axes.text(2, 1.4 / test.alpha, f"drifted: e-value of {1 / test.alpha:.0f} or more")
    axes.set(
        yscale="log",
        xlabel=f"hourly windows of {WINDOW_ROWS:,} rows",
        ylabel="e-value of one share",
        title=f"Baseline of {BASELINE_ROWS:,} rows, share {SHARE:.0%}",
    )
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 0.72), frameon=False)
    return figure


if __name__ == "__main__":
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(str(svg(picture(SequentialTest()))))
