"""Content addresses."""

import hashlib
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core.hashing import canonical_json, sha256_bytes, sha256_file, sha256_json

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
def test_canonical_json_is_json(value: object) -> None:
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(), VALUES, max_size=6))
def test_order_of_keys_does_not_matter(value: dict[str, object]) -> None:
    turned = dict(reversed(value.items()))
    assert sha256_json(turned) == sha256_json(value)


def test_one_spelling() -> None:
    assert (
        canonical_json({"b": [1, 2.5, None], "a": "ü\n"})
        == '{"a":"ü\\n","b":[1,2.5,null]}'.encode()
    )


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": -math.inf}])
def test_what_json_cannot_say_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="JSON"):
        sha256_json(value)


@given(st.binary(max_size=200))
def test_hash_of_bytes(data: bytes) -> None:
    assert sha256_bytes(data) == hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("size", [0, 1, (1 << 20), (1 << 20) + 1])
def test_hash_of_a_file_in_chunks(tmp_path: Path, size: int) -> None:
    data = b"\x07" * size
    (tmp_path / "file").write_bytes(data)
    assert sha256_file(tmp_path / "file") == sha256_bytes(data)
