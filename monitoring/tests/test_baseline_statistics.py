"""Statistics compared with SciPy and with their formulas, and on samples without drift."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from baseline import (
    NumericReference,
    build_baseline,
    jensen_shannon,
    ks_p_value,
    ks_two_sample,
    occupied_bins,
    psi,
    psi_critical,
    read_baseline,
)
from baseline.build import reference_of
from baseline.storage import baseline_bytes
from use_cases import MonitoredColumn, use_case

COUNTS = st.lists(st.integers(1, 10_000), min_size=2, max_size=20)
NUMBERS = st.floats(-1e6, 1e6, width=32).map(lambda value: value + 0.0)
SAMPLES = st.lists(NUMBERS, min_size=4, max_size=60)
FEW_VALUES = st.lists(st.sampled_from([0.0, 1.0, 2.0, 7.5]), min_size=4, max_size=60)


def numeric(values) -> NumericReference:
    case = use_case("iris")
    column = MonitoredColumn("petal_length")
    return reference_of(case, column, pa.array(np.asarray(values, np.float32)))


def counted(reference: NumericReference, values) -> np.ndarray:
    return reference.count(pa.array(np.asarray(values, np.float64)))


@given(COUNTS, st.data())
def test_psi_is_the_formula(expected, data):
    actual = data.draw(
        st.lists(st.integers(1, 10_000), min_size=len(expected), max_size=len(expected))
    )
    e, a = np.array(expected) / sum(expected), np.array(actual) / sum(actual)
    by_hand = sum((y - x) * np.log(y / x) for x, y in zip(e, a, strict=True))
    assert psi(expected, actual) == pytest.approx(by_hand, rel=1e-9, abs=1e-12)
    assert psi(actual, expected) == pytest.approx(by_hand, rel=1e-9, abs=1e-12)


@given(COUNTS, st.integers(1, 50))
def test_psi_of_the_same_shares_is_zero(counts, factor):
    assert psi(counts, [factor * count for count in counts]) == pytest.approx(0, abs=1e-12)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12), st.data())
def test_the_jensen_shannon_distance_is_scipys(expected, data):
    actual = data.draw(st.lists(st.integers(0, 50), min_size=len(expected), max_size=len(expected)))
    value = jensen_shannon(np.array(expected), np.array(actual))
    if sum(expected) and sum(actual):
        assert value == pytest.approx(distance.jensenshannon(expected, actual, base=2), abs=1e-7)
        assert 0 <= value <= 1 + 1e-12
    else:
        assert value is None


@given(st.lists(st.integers(0, 50), min_size=1, max_size=12), st.data())
def test_psi_is_finite_and_not_negative_with_empty_bins(expected, data):
    actual = data.draw(st.lists(st.integers(0, 50), min_size=len(expected), max_size=len(expected)))
    value = psi(expected, actual)
    if sum(expected) and sum(actual):
        assert np.isfinite(value)
        assert value >= 0
    else:
        assert value is None


def test_a_bin_that_is_empty_on_both_sides_changes_nothing():
    assert psi([10, 0, 20], [15, 0, 15]) == psi([10, 20], [15, 15])
    assert occupied_bins([10, 0, 20, 0], [15, 0, 15, 1]) == 3


def test_a_bin_that_is_empty_on_one_side_counts_half_a_row():
    assert psi([100, 0], [50, 50]) == psi([100, 0.5], [50, 50])


@pytest.mark.parametrize("bins", [2, 5, 10, 20])
@pytest.mark.parametrize("alpha", [0.05, 0.01, 0.001])
def test_psi_critical_is_the_chi_square_quantile(bins, alpha):
    n, m = 4000, 300
    expected = stats.chi2.isf(alpha, bins - 1) * (1 / n + 1 / m)
    assert psi_critical(bins, n, m, alpha) == pytest.approx(expected, rel=1e-12)


def test_one_bin_cannot_differ():
    assert psi_critical(1, 100, 100, 0.01) == 0.0


@pytest.mark.parametrize("samples", [SAMPLES, FEW_VALUES], ids=["any", "ties"])
def test_the_ks_statistic_equals_scipys(samples):
    @settings(deadline=None)
    @given(samples, samples)
    def check(expected, actual):
        reference = numeric(expected)
        statistic, _ = ks_two_sample(reference.cells, counted(reference, actual))
        scipy = stats.ks_2samp(np.float32(expected), actual, method="asymp").statistic
        assert statistic == pytest.approx(scipy, abs=1e-12)

    check()


@pytest.mark.parametrize("seed", range(5))
def test_the_error_of_a_grid_is_at_most_the_share_between_two_quantiles(seed):
    random = np.random.default_rng(seed)
    expected = np.concatenate([random.gamma(2, 3, 20_000), np.zeros(5_000)]).astype(np.float32)
    actual = np.concatenate([random.gamma(2, 3.3, 900), np.zeros(150)]).astype(np.float32)
    reference = numeric(expected)
    statistic, p_value = ks_two_sample(reference.cells, counted(reference, actual))
    scipy = stats.ks_2samp(expected, actual, method="asymp")
    assert len(reference.points) <= 1001
    assert scipy.statistic - 0.0011 <= statistic <= scipy.statistic + 1e-12
    assert p_value == pytest.approx(scipy.pvalue, rel=0.3, abs=0.005)


@pytest.mark.parametrize(("n", "m"), [(400, 200), (2000, 500), (200, 5000)])
@pytest.mark.parametrize("statistic", [0.08, 0.1, 0.13, 0.16, 0.2])
def test_the_ks_p_value_is_close_to_the_finite_sample_value(n, m, statistic):
    exact = stats.kstwo.sf(statistic, round(n * m / (n + m)))
    assert ks_p_value(statistic, n, m) == pytest.approx(exact, rel=0.06, abs=0.002)


def test_no_rows_have_no_statistic():
    reference = numeric([1.0, 2.0])
    assert ks_two_sample(reference.cells, counted(reference, [])) is None
    assert psi(reference.bins(reference.cells), reference.bins(counted(reference, []))) is None


@given(st.one_of(SAMPLES, FEW_VALUES), st.one_of(SAMPLES, FEW_VALUES))
def test_every_value_is_in_exactly_one_cell_and_one_bin(expected, actual):
    reference = numeric(expected)
    cells = counted(reference, actual)
    assert cells.sum() == len(actual)
    assert reference.bins(cells).sum() == len(actual)
    assert len(reference.bins(cells)) == len(reference.edges) + 1
    assert len(reference.bin_names) == len(reference.bins(cells))


def test_bins_are_named_by_their_values():
    reference = numeric([0.0, 0.0, 0.0, 1.0])
    rows = reference.bins(reference.cells).tolist()
    named = {name: count for name, count in zip(reference.bin_names, rows, strict=True) if count}
    assert named == {"= 0": 3, "0 to 1": 1}
    assert numeric([]).bin_names == ("all values",)


def test_bins_that_are_close_have_different_names():
    edges = np.array([0.9681, 0.999996, 0.9999998])
    reference = replace(numeric([]), edges=edges, edge_included=np.ones(3, bool))
    assert reference.bin_names == (
        "≤ 0.9681", "0.9681 to 0.999996", "0.999996 to 0.9999998", "> 0.9999998",
    )  # fmt: skip


@given(SAMPLES, SAMPLES, st.sampled_from([np.float32, np.float64]))
def test_cells_equal_those_of_looking_up_each_value(expected, actual, kind):
    reference = numeric(expected)
    # Doubles next to a point must not be rounded to it.
    values = np.array([*actual, *expected], kind) * kind(1 + 1e-12)
    index = np.searchsorted(reference.points, values)
    at_point = np.append(reference.points, np.nan)[index] == values
    cells = np.bincount(2 * index + at_point, minlength=2 * len(reference.points) + 1)
    assert reference.count(pa.array(values)).tolist() == cells.tolist()


@given(SAMPLES, st.lists(SAMPLES, min_size=1, max_size=4))
def test_counts_of_parts_add_up_to_those_of_the_whole(expected, parts):
    reference = numeric(expected)
    whole = counted(reference, [value for part in parts for value in part])
    assert sum(counted(reference, part) for part in parts).tolist() == whole.tolist()


@given(st.integers(0, 2**32 - 1), st.integers(1_100, 4_000), st.sampled_from([0.0, 0.02, 0.3]))
@settings(deadline=None, max_examples=25)
def test_the_statistic_on_a_grid_is_at_most_a_thousandth_too_small(seed, rows, shift):
    random = np.random.default_rng(seed)
    expected = random.normal(size=rows).astype(np.float32)
    actual = (random.gamma(2, 1, size=1_000) - 2 + shift).astype(np.float32)
    reference = numeric(expected)
    statistic, _ = ks_two_sample(reference.cells, counted(reference, actual))
    exact = stats.ks_2samp(expected, actual).statistic
    # A gap between two of 1,001 quantiles holds a thousandth of the rows, rounded up.
    assert exact - (1 / 1_000 + 1 / rows) <= statistic <= exact + 1e-12


@pytest.mark.parametrize("rows", [200, 500, 1000, 2000])
def test_without_drift_the_false_alarm_rate_is_alpha(rows):
    """Twelve columns against one baseline, 250 windows: Bonferroni keeps windows with a false
    alarm near alpha = 1 %; the bound is three standard errors above it."""
    random, columns, alpha, windows = np.random.default_rng(rows), 12, 0.01, 250
    draw = lambda size: np.float32(random.gamma(2, 3, size))  # noqa: E731
    false = 0
    for _ in range(windows):
        reference = numeric(draw(2000))
        alarmed = False
        for _ in range(columns):
            cells = counted(reference, draw(rows))
            index = psi(reference.bins(reference.cells), reference.bins(cells))
            alarmed |= index > psi_critical(10, 2000, rows, alpha / columns)
        false += alarmed
    assert false / windows <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / windows)


def test_a_shift_exceeds_the_critical_value():
    random = np.random.default_rng(0)
    reference = numeric(random.normal(0, 1, 2000))
    cells = counted(reference, random.normal(0.5, 1, 500).astype(np.float32))
    assert psi(reference.bins(reference.cells), reference.bins(cells)) > max(
        0.2, psi_critical(10, 2000, 500, 0.001)
    )


def test_a_stored_baseline_has_no_drift_against_itself():
    case = use_case("iris")
    records = case.training().generate(500, 3).select(case.record_schema.names)
    batch = case.features(records.combine_chunks().to_batches()[0])
    probabilities = np.random.default_rng(3).dirichlet([1, 1, 1], 500).astype(np.float32)
    predictions = pa.array([case.classes[i] for i in probabilities.argmax(axis=1)])
    table = build_baseline(case, batch, probabilities, predictions)
    for name, reference in read_baseline(baseline_bytes(table)).items():
        assert psi(reference.bins(reference.cells), reference.bins(reference.cells)) == 0, name
