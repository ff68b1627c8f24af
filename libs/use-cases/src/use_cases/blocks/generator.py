"""Labelled records drawn from a profile."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from use_cases.blocks.block import Draw
from use_cases.blocks.fields import Fields
from use_cases.blocks.label import THIRDS, Label
from use_cases.blocks.number import Number
from use_cases.blocks.profile import DIGITS, Profile

END = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 120
LEAST_SHARE = 0.1
"""Each class gets at least this part of an equal share."""


def generate(
    fields: Fields, label: Label, profile: Profile, rows: int, seed: int, drift: float
) -> pa.Table:
    """Return `rows` records and their label; the same arguments give the same table.

    Each record has a class, and its columns are drawn from that of the class, independently of
    each other.
    """
    random = np.random.default_rng([seed, round(drift * 1_000)])
    places = _groups(label, profile, random, rows, drift)
    names = (*fields.names, label.column)
    columns: Mapping[str, list[pa.Array]] = {name: [] for name in names}
    order = []
    for place, group in enumerate(label.groups):
        chosen = np.flatnonzero(places == place)
        order.append(chosen)
        draw = Draw(random, len(chosen), drift)
        for name, block in fields.columns:
            columns[name].append(block.sample(profile.column(group, name), draw))
        columns[label.column].append(_labels(label, profile, group, replace(draw, drift=0.0)))
    back = pa.array(np.argsort(np.concatenate(order), kind="stable"))
    drawn = [pa.concat_arrays(parts).take(back) for parts in columns.values()]
    return pa.table(drawn, names=names)


def _labels(label: Label, profile: Profile, group: str, draw: Draw) -> pa.Array:
    if label.classes:
        return pa.repeat(group, draw.rows)
    return pa.array(draw.numbers(profile.label[group]))


def with_times(table: pa.Table, name: str, seed: int) -> pa.Table:
    """Return `table` with a time per row, ascending over 120 days before a fixed day."""
    seconds = np.sort(np.random.default_rng(seed).integers(0, DAYS * 86_400, table.num_rows))
    times = [END - timedelta(days=DAYS) + timedelta(seconds=int(second)) for second in seconds]
    return table.append_column(name, pa.array(times, pa.timestamp("us", tz="UTC")))


def measure(fields: Fields, label: Label, records: pa.RecordBatch, labels: pa.Array) -> Profile:
    """Return the profile of N records (the record schema) with their labels: classes (string [N])
    or numbers.
    """
    numbers = None if label.classes else labels.cast(pa.float64())
    groups = labels if numbers is None else _thirds(numbers)
    chosen = {name: pc.fill_null(pc.equal(groups, name), False) for name in label.groups}
    counts = {name: pc.sum(rows).as_py() or 0 for name, rows in chosen.items()}
    total = max(1, sum(counts.values()))
    return Profile(
        classes={name: round(count / total, DIGITS) for name, count in counts.items()},
        columns={
            group: {
                name: block.measure(records.column(index).filter(rows))
                for index, (name, block) in enumerate(fields.columns)
            }
            for group, rows in chosen.items()
        },
        label={}
        if numbers is None
        else {group: Number().measure(numbers.filter(rows)) for group, rows in chosen.items()},
    )


def _thirds(numbers: pa.Array) -> pa.Array:
    values = numbers.to_numpy(zero_copy_only=False)
    edges = np.nanquantile(values, (1 / 3, 2 / 3))
    places = pa.array(np.searchsorted(edges, values), mask=np.isnan(values))
    return pa.array(THIRDS).take(places)


def assumed(fields: Fields, label: Label) -> Profile:
    """Return a plausible profile for columns that were never measured."""
    groups = label.groups
    places = dict(zip(groups, np.linspace(0, 1, len(groups)).tolist(), strict=True))
    target = Number(maximum=100.0)
    return Profile(
        classes={name: 1 / len(groups) for name in groups},
        columns={
            group: {name: block.assumed(place) for name, block in fields.columns}
            for group, place in places.items()
        },
        label={}
        if label.classes
        else {group: target.assumed(place) for group, place in places.items()},
    )


def _groups(
    label: Label, profile: Profile, random: np.random.Generator, rows: int, drift: float
) -> np.ndarray:
    """Return the place of each row's class; drift brings the shares of the classes together."""
    count = len(label.groups)
    shares = np.array([profile.classes[name] for name in label.groups])
    shares = np.maximum((1 - drift / 2) * shares + drift / 2 / count, LEAST_SHARE / count)
    places = random.choice(count, rows, p=shares / shares.sum())
    # Every class occurs, even a rare one.
    places[:count] = np.arange(count)[:rows]
    return random.permutation(places)
