import hashlib
import os
import random
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data_pipeline.near_duplicates import cluster, estimate, signatures
from data_pipeline.versions.manifest import read_manifest, read_records
from platform_core.parquet import read_table
from platform_core.storage import dataset_path
from use_cases import TrainingUseCase, use_case
from use_cases.testing import variant

# Mail without near duplicates: numbers in its texts count for nothing there.
PLAIN = {"duplicate_text": TrainingUseCase.duplicate_text}
SPAM = variant(use_case("spam"), training=PLAIN)
NOW = datetime(2026, 3, 1, tzinfo=UTC)
THRESHOLD = 0.8
TEXTS = [
    "The quick brown fox",
    "jumps over",
    "",
    None,
    "ÄRGER über 3 Füße",
    "the QUICK, brown: fox!",
]
PRINT_SIGNATURES = """
import hashlib, sys
import pyarrow as pa
from data_pipeline.near_duplicates import signatures
print(hashlib.sha256(signatures(pa.array(eval(sys.argv[1]), pa.string()))[0].tobytes()).hexdigest())
"""


def shingles(text: str) -> set[tuple[str, ...]]:
    words = [*text.split(), "", ""]
    return set(zip(words, words[1:], words[2:], strict=False))


def jaccard(left: str, right: str) -> float:
    one, other = shingles(left), shingles(right)
    return len(one & other) / len(one | other)


def texts(seed: int, count: int, length: int = 40) -> list[str]:
    """Made-up texts, each followed by copies with ever more words changed."""
    chance = random.Random(seed)
    found = []
    for _ in range(count):
        words = [f"w{chance.randrange(2000)}" for _ in range(length)]
        for _ in range(4):
            found.append(" ".join(words))
            words[chance.randrange(length)] = f"x{chance.randrange(10**6)}"
    return found


def test_signatures_are_the_same_in_every_process() -> None:
    """The expected value changes with the library only."""
    seen = set()
    for seed in ("0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", PRINT_SIGNATURES, repr(TEXTS)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        seen.add(done.stdout.strip())
    here = hashlib.sha256(signatures(pa.array(TEXTS, pa.string()))[0].tobytes()).hexdigest()
    assert seen == {here}
    assert here == "53684778fbe4416e849ef9245361fbc401e26402506d04f3f4e47ea9fa8e1d68"


def test_a_signature_depends_on_its_own_words_only() -> None:
    together, has_text = signatures(pa.array(TEXTS, pa.string()))
    assert has_text.tolist() == [True, True, False, False, True, True]
    for row, text in enumerate(TEXTS):
        alone, _ = signatures(pa.array([text], pa.string()))
        assert np.array_equal(alone[0], together[row])
    assert np.array_equal(together[0], together[5])
    assert signatures(pa.array([], pa.string()))[0].shape == (0, 120)


def test_the_estimate_is_close_to_the_similarity_of_the_texts() -> None:
    found = texts(1, 60)
    minhash, _ = signatures(pa.array(found))
    pairs = [(n, n + d) for n in range(0, len(found), 4) for d in (1, 2, 3)]
    left, right = (np.array(side) for side in zip(*pairs, strict=True))
    estimated = estimate(minhash[left], minhash[right])
    exact = np.array([jaccard(found[a], found[b]) for a, b in pairs])
    assert np.abs(estimated - exact).max() < 0.2
    assert abs(float(np.mean(estimated - exact))) < 0.02


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_near_duplicates_are_clustered_and_other_texts_are_not(seed: int) -> None:
    found = texts(seed, 12)
    minhash, _ = signatures(pa.array(found))
    rows = np.arange(len(found))
    labels = cluster(minhash, rows, THRESHOLD, rows.copy(), 0)
    for one in rows:
        for other in rows[:one]:
            similar = jaccard(found[one], found[other])
            if similar > 0.95 or (
                similar > 0.85 and estimate(minhash[[one]], minhash[[other]]) > 0.85
            ):
                assert labels[one] == labels[other]
            if one // 4 != other // 4:
                assert labels[one] != labels[other]
    assert np.array_equal(labels, labels[labels])


def test_the_order_of_rows_does_not_change_the_clusters(blob_store, frozen, mail, mails) -> None:
    bodies = texts(3, 60)
    table = mails(bodies, ["spam", "ham"] * (len(bodies) // 2))
    order = random.Random(1).sample(range(len(bodies)), len(bodies))
    one, other = (frozen(mail, blob_store, t) for t in (table, table.take(order)))
    assert one == other


def test_near_duplicates_share_a_cluster_named_by_its_first_row(
    blob_store, frozen, mail, mails
) -> None:
    text = "dear customer your account will be closed " + " ".join(f"reason {n}" for n in range(20))
    bodies = [texts(n, 1)[0] for n in range(200)]
    bodies += [text, f"{text} now", f"{text.upper()}!"]
    table = mails(bodies, [*(["spam", "ham"] * 100), "spam", "spam", "ham"])
    version = frozen(mail, blob_store, table)
    records = read_records(blob_store, "spam", version)
    ours = [r for r in records.to_pylist() if r["body"].lower().startswith("dear customer")]
    assert {row["cluster"] for row in ours} == {min(row["row_id"] for row in ours)}
    assert len({row["part"] for row in ours}) == 1
    manifest = read_manifest(blob_store, "spam", version)
    assert (manifest.near_duplicates, manifest.clusters) == (3, 201)
    assert manifest.warnings == ("1 groups of near duplicates have rows of more than one class",)


def test_a_use_case_without_duplicate_text_has_exact_duplicates_only(
    blob_store, frozen, mails
) -> None:
    bodies = texts(3, 60)
    version = frozen(SPAM, blob_store, mails(bodies, ["spam", "ham"] * (len(bodies) // 2)))
    manifest = read_manifest(blob_store, "spam", version)
    assert (manifest.near_duplicates, manifest.clusters) == (0, manifest.rows)


def test_the_same_content_with_two_labels_is_quarantined(blob_store, frozen, many) -> None:
    version = frozen(SPAM, blob_store, many(["Same", " same ", "SAME"], ["spam", "ham", "ham"]))
    folder = dataset_path("spam", version)
    refused = read_table(blob_store, f"{folder}/quarantine.parquet")
    assert refused["reason"].to_pylist() == ["the same content has two labels"] * 3
    assert refused["body"].to_pylist() == ["Same", " same ", "SAME"]
    assert read_manifest(blob_store, "spam", version).rows == 200


def test_duplicates_with_different_ids_are_dropped(blob_store, frozen, many) -> None:
    version = frozen(SPAM, blob_store, many(["Same", "SAME  "], ["spam", "spam"]))
    manifest = read_manifest(blob_store, "spam", version)
    assert (manifest.rows, manifest.duplicates) == (201, 1)
    assert "Same" in read_records(blob_store, "spam", version)["body"].to_pylist()


@pytest.mark.parametrize("count", [30, 3_000])
def test_thousands_of_near_duplicates_are_one_cluster(count: int) -> None:
    """One band has far more texts than are compared with each other."""
    base = " ".join(f"w{n}" for n in range(60))
    minhash, _ = signatures(pa.array([f"{base} {n}" for n in range(count)]))
    rows = np.arange(count)
    assert set(cluster(minhash, rows, THRESHOLD, rows.copy(), 0)) == {0}


@pytest.mark.parametrize(
    ("policy", "expected"), [("near", (201, 0)), ("exact", (203, 1)), ("none", (204, 0))]
)
def test_which_rows_repeat_others_is_a_property_of_the_use_case(
    blob_store, frozen, many, policy, expected
):
    """One content three times, once with another label: in real data that may be noise."""
    case = variant(use_case("spam"), training={**PLAIN, "duplicates": policy})
    table = many(["the same", "The same ", "the same", "other"], ["spam", "spam", "ham", "ham"])
    version = frozen(case, blob_store, table)
    manifest = read_manifest(blob_store, "spam", version)
    assert (manifest.rows, manifest.duplicates) == expected
    assert manifest.rows + manifest.duplicates + manifest.rows_quarantined == 204
