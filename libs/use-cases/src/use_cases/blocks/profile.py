"""A summary of labelled data, from which a declared use case generates records.

A profile contains no records: it has quantiles of numbers, shares of categories and shares of
frequent words, for each class. `mlplatform new-use-case` measures it and writes it to the folder of
the use case.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import ValidationError

from platform_core.contracts.base import Contract
from platform_core.errors import InvalidInput

PROFILE_FILE = "profile.json"


QUANTILES = np.linspace(0.01, 0.99, 15)
"""The quantiles of a profile. The extremes, which are values of single records, are left out."""
DIGITS = 4


class ColumnProfile(Contract):
    """One column of one class.

    `missing` is the share of missing values. A number or a date (days since 1970-01-01) has
    `quantiles`, a category the `shares` of its values, a text the `shares` of its words and the
    `quantiles` of its length in words. `whole`: all numbers are whole.
    """

    missing: float = 0.0
    quantiles: tuple[float, ...] = ()
    shares: Mapping[str, float] = {}
    whole: bool = False


class Profile(Contract):
    """The share of each class, and its columns by name.

    Where the label is a number, its thirds stand for classes, and `label` describes it in each.
    """

    classes: Mapping[str, float]
    columns: Mapping[str, Mapping[str, ColumnProfile]]
    label: Mapping[str, ColumnProfile] = {}

    def column(self, of_class: str, name: str) -> ColumnProfile:
        """Return a column of one class."""
        return self.columns[of_class][name]


def quantiles(values: np.ndarray) -> tuple[float, ...]:
    """Return the quantiles of N numbers as a profile keeps them; nothing without a number."""
    if not len(values):
        return ()
    return tuple(float(f"{value:.{DIGITS}g}") for value in np.quantile(values, QUANTILES))


def shares(counts: Mapping[str, int]) -> dict[str, float]:
    """Return counts as shares of their sum."""
    total = sum(counts.values())
    return {name: round(count / total, DIGITS) for name, count in counts.items() if total}


def read_profile(file: Path, classes: Sequence[str], columns: Sequence[str]) -> Profile | None:
    """Return the profile in `file`, `None` if there is no such file.

    Raises:
        InvalidInput: it cannot be read, or lacks a class or a column.
    """
    if not file.is_file():
        return None
    try:
        profile = Profile.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise InvalidInput(
            f"{file} is not a valid data profile: {error.error_count()} errors; write it again "
            "with mlplatform new-use-case"
        ) from error
    lacking = [name for name in classes if name not in profile.columns]
    lacking += [n for n in columns for c in profile.columns.values() if n not in c][:1]
    if lacking:
        raise InvalidInput(
            f"{file} does not describe {lacking[0]!r}; write it again with mlplatform new-use-case"
        )
    return profile
