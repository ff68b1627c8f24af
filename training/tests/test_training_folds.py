"""Folds keep together what belongs together."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_core.errors import InvalidData
from training.search.folds import FOLDS, folds, groups
from use_cases import UseCase, use_case
from use_cases.testing import variant

MAYBE = st.none() | st.integers(0, 5).map(str)


GROUPED = variant(
    use_case("iris"), training={"fold_groups": lambda _, features: features["bed"].combine_chunks()}
)


def flowers(rows: int, clusters=None, beds=None) -> pa.Table:
    table = use_case("iris").training().generate(rows, seed=0)
    clusters = [str(number) for number in range(rows)] if clusters is None else clusters
    columns = {"label": table["species"], "cluster": pa.array(clusters, pa.string())}
    return pa.table(columns | ({} if beds is None else {"bed": pa.array(beds, pa.string())}))


def case(name: str = "iris") -> UseCase:
    return use_case(name)


def test_every_row_is_judged_once_and_the_same_seed_gives_the_same_folds():
    table = flowers(300)
    made = folds(case(), table, seed=3)
    assert len(made) == FOLDS
    assert sorted(np.concatenate([held for _, held in made])) == list(range(300))
    for (fit, held), (other_fit, other_held) in zip(made, folds(case(), table, 3), strict=True):
        assert not set(fit) & set(held)
        assert fit.tolist() == other_fit.tolist()
        assert held.tolist() == other_held.tolist()
    other = folds(case(), table, seed=4)
    assert any(a[1].tolist() != b[1].tolist() for a, b in zip(made, other, strict=True))


def test_classes_have_about_their_share_in_each_fold():
    table = flowers(600)
    labels = np.asarray(table["label"].to_pylist())
    for _, held in folds(case(), table, seed=0):
        for name in case().classes:
            share = (labels[held] == name).mean()
            assert share == pytest.approx((labels == name).mean(), abs=0.03)


def test_near_duplicates_and_groups_are_never_on_both_sides():
    random = np.random.default_rng(0)
    clusters = random.integers(0, 150, 400).astype(str)
    beds = [None if bed > 40 else str(bed) for bed in random.integers(0, 80, 400)]
    for fit, held in folds(GROUPED, flowers(400, clusters, beds), seed=0):
        assert not set(clusters[fit]) & set(clusters[held])
        on_sides = [{beds[row] for row in rows} - {None} for rows in (fit, held)]
        assert not on_sides[0] & on_sides[1]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(MAYBE, MAYBE), min_size=1, max_size=25))
def test_groups_are_connected_components(rows):
    given_ = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
    found = groups(*given_, None)
    expected = list(range(len(rows)))
    for _ in rows:  # names spread along shared values until nothing changes
        for a, one in enumerate(rows):
            for b, other in enumerate(rows):
                if any(x is not None and x == y for x, y in zip(one, other, strict=True)):
                    expected[a] = expected[b] = min(expected[a], expected[b])
    same = np.equal.outer(found, found)
    assert same.tolist() == np.equal.outer(expected, expected).tolist()


def test_a_class_in_too_few_groups_is_refused_with_its_name():
    labels = flowers(60)["label"].to_pylist()
    clusters = ["one" if label == "setosa" else str(row) for row, label in enumerate(labels)]
    with pytest.raises(InvalidData, match=r"setosa .* only 1 groups; give more"):
        folds(case(), flowers(60, clusters), seed=0)


def test_groups_that_leave_a_side_without_a_class_are_refused():
    labels = flowers(90)["label"].to_pylist()
    # Three beds hold nearly everything: one of them has all but two rows of a class.
    beds = ["big" if label == "setosa" and row > 5 else "rest" for row, label in enumerate(labels)]
    with pytest.raises(InvalidData, match="both sides of each of 3 folds"):
        folds(GROUPED, flowers(90, beds=beds), seed=0)
