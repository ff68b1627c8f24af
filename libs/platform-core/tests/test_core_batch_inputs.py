"""Which objects a path or a pattern names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.batch.inputs import (
    input_objects,
    is_pattern,
    literal_folder,
    matches,
    overlaps,
    validate_input,
)
from platform_core.errors import InvalidData, InvalidPath

NAMES = st.text("ab_.[]-", min_size=1, max_size=4)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/".join(["batch", *names]))
TREE = (
    "batch/_jobs/1/checkpoints/a.parquet",
    "batch/in/2026-01/_half.parquet",
    "batch/in/2026-01/part-0.parquet",
    "batch/in/2026-01/part-1.parquet",
    "batch/in/2026-02/deep/part-0.parquet",
    "batch/in/2026-02/notes.txt",
    "batch/in/_staged/part-0.parquet",
    "batch/in/all.parquet",
    "batch/in/brackets[1]/part-0.parquet",
    "batch/in/x[1].parquet",
)


@pytest.fixture
def store(blob_store: LocalBlobStore) -> LocalBlobStore:
    for path in TREE:
        blob_store.write(path, b"rows")
    return blob_store


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("batch/in/all.parquet", [7]),
        ("batch/in/2026-02/notes.txt", [5]),
        ("batch/in", [2, 3, 4, 7, 8, 9]),
        ("batch/in/*.parquet", [7, 9]),
        ("batch/in/2026-*/part-*.parquet", [2, 3]),
        ("batch/in/2026-??/part-[01].parquet", [2, 3]),
        ("batch/in/2026-*/part-[!0].parquet", [3]),
        ("batch/in/2026-*/**", [2, 3, 4]),
        ("batch/in/**/part-0.parquet", [2, 4, 8]),
        ("batch/**/2026-02/**/*.parquet", [4]),
        ("batch/in/**/**", [2, 3, 4, 7, 8, 9]),
        ("batch/**", [2, 3, 4, 7, 8, 9]),
        ("batch/in/*/_half.parquet", [1]),
        ("batch/in/_*/*", [6]),
        ("batch/in/x[1].parquet", [9]),
        ("batch/in/brackets[1]", [8]),
        ("batch/in/brackets[[]1]/*", [8]),
    ],
)
def test_matches_are_ordered_by_path(store, path, found) -> None:
    assert input_objects(store, path) == [TREE[number] for number in found]


@pytest.mark.parametrize(
    "path",
    [
        "batch/none.parquet",
        "batch/in/*.csv",
        "batch/in/2026-*",
        "batch/in/2026-02/*",
        "batch/in/?staged/*",
        "batch/_*/**",
        "batch/_jobs/**",
        "training-data/**",
    ],
)
def test_the_error_without_matches_names_the_path(store, path) -> None:
    with pytest.raises(InvalidData) as caught:
        input_objects(store, path)
    assert path in str(caught.value)


@pytest.mark.parametrize(
    "path",
    [
        "*",
        "**",
        "*/x",
        "[b]atch/x",
        "batch",
        "/batch/*",
        "batch//*",
        "batch/*/",
        "batch/../*",
        "batch/*/..",
        "batch/%2e/*",
        "nowhere/*",
        "batch/a:*",
        "batch/\x00*",
        "batch/" + "*" * 2000,
    ],
)
def test_malformed_paths_and_patterns_are_refused(path) -> None:
    with pytest.raises(InvalidPath):
        validate_input(path)


@given(PATHS)
def test_a_path_without_brackets_matches_itself(path) -> None:
    plain = path.replace("[", "x").replace("]", "x")
    assert matches(plain, plain)
    assert not is_pattern(plain)


@given(PATHS, st.data())
def test_a_star_matches_every_name_that_is_not_hidden(path, data) -> None:
    names = path.replace("[", "x").replace("]", "x").split("/")
    at = data.draw(st.integers(1, len(names) - 1))
    seen = not names[at].startswith(("_", "."))
    pattern = "/".join([*names[:at], "*", *names[at + 1 :]])
    assert matches(pattern, "/".join(names)) is seen
    assert literal_folder(pattern) == "/".join(names[:at])
    folders = "/".join([*names[:at], "**"])
    all_seen = not any(name.startswith(("_", ".")) for name in names[at:])
    assert matches(folders, "/".join(names)) is all_seen


@given(st.text("ab*?[]!-/", max_size=12), PATHS)
def test_matches_are_within_the_literal_folder(rest, path) -> None:
    pattern = f"batch/{rest}"
    if matches(pattern, path):
        assert f"{path}/".startswith(f"{literal_folder(pattern)}/")


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("batch/in", "batch/in", True),
        ("batch/in", "batch/in/out", True),
        ("batch/in/a.parquet", "batch/in", True),
        ("batch/in", "batch/in2", False),
        ("batch/*.parquet", "batch/out.parquet", True),
        ("batch/*.parquet", "batch/out", False),
        ("batch/*/*.parquet", "batch/out", True),
        ("batch/in/x/*.parquet", "batch/in", True),
        ("batch/in/*.parquet", "batch/out", False),
    ],
)
def test_a_job_must_not_read_what_it_writes(source, target, expected) -> None:
    assert overlaps(source, target) is expected
