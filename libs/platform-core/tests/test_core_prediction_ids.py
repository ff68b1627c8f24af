"""Ids of predictions: UUIDs of version 7 that name the time of their prediction."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id, prediction_time
from platform_core.errors import InvalidInput

TIMES = st.integers(0, 253_402_000_000_000_000).map(
    lambda value: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=value)
)


@given(TIMES)
def test_an_id_is_a_uuid_with_the_time_of_its_prediction(time: datetime) -> None:
    made = new_prediction_id(milliseconds(time))
    parsed = uuid.UUID(made)
    assert parsed.hex == made
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert timedelta(0) <= time - prediction_time(made) < timedelta(milliseconds=1)


def test_ids_of_one_moment_differ() -> None:
    assert len({new_prediction_id(0) for _ in range(1000)}) == 1000


VALID = "019b8e1c67407a3c8f5e0d9c1b2a3f40"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "p1",
        uuid.UUID(int=0).hex,
        uuid.UUID(int=5, version=4).hex,
        uuid.UUID(VALID).urn,
        VALID.upper(),
        "f" * 12 + VALID[12:],
        VALID + "\n",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="not a prediction_id"):
        prediction_time(text)
