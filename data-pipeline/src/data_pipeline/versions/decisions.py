"""What needs all rows at once: duplicates, contradictions, clusters, and the split."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from data_pipeline.duplicates.near_duplicates import SignatureFile, cluster
from data_pipeline.validation.times import Resolved, resolve
from data_pipeline.versions.index import Arrivals, Nodes
from data_pipeline.versions.manifest import SplitSummary
from data_pipeline.versions.split import Rows, split


@dataclass(frozen=True)
class Base:
    """The dataset version that is added to: its rows, and contents known to contradict
    themselves.
    """

    nodes: Nodes
    contradictory: np.ndarray


@dataclass(frozen=True)
class Decisions:
    """The fate of every accepted row.

    `new` are the rows that come in, ordered by id; `arrival` says which occurrence of each
    content is kept, and `time` when it happened (microseconds). `kept` are the base's rows that
    stay. `contradictory` are contents with two labels, `straddling` new contents that resemble
    both sides of the base's split, by their `straddling_arrival`. `duplicates` counts dropped rows.
    """

    new: Nodes
    arrival: np.ndarray
    time: np.ndarray
    kept: Nodes
    contradictory: np.ndarray
    contradictory_rows: int
    straddling: np.ndarray
    straddling_arrival: np.ndarray
    duplicates: int
    times: Resolved
    split: SplitSummary

    @property
    def all(self) -> Nodes:
        """Every row of the dataset version, ordered by id."""
        return self.kept.merge(self.new)


@dataclass(frozen=True)
class _Contents:
    """Different contents among the arrivals: their ids, how often each occurs, the first
    arrival of each, and whether they have one label.
    """

    ids: np.ndarray
    counts: np.ndarray
    arrival: np.ndarray
    agree: np.ndarray


def decide(
    arrivals: Arrivals,
    base: Base,
    file: SignatureFile,
    threshold: float,
    classes: Sequence[str],
    now: datetime,
) -> Decisions:
    """Decide about all rows; nothing depends on the order of different contents.

    The base's rows keep cluster and side. A new row joins a cluster of the base that it
    resembles; where it resembles both sides it cannot be in either.
    """
    times = resolve(arrivals.times, now)
    contents = _contents(arrivals)
    contradictory = _contradictory(contents, arrivals, base)
    kept = base.nodes.take(~np.isin(base.nodes.ids, contradictory))
    known = np.isin(contents.ids, base.nodes.ids) | np.isin(contents.ids, contradictory)
    arrival = contents.arrival[~known]
    new = _as_nodes(arrivals, arrival)
    labels = _labels(kept, new, file, threshold)
    new, straddling = _attached(kept, new, labels)
    apart = labels[len(kept.ids) :] >= len(kept.ids)
    sides, summary = split(
        Rows(new.cluster[apart], new.label[apart], times.times[arrival][apart]), classes
    )
    new.test[apart] = sides
    rows = int(contents.counts[np.isin(contents.ids, contradictory)].sum())
    stays = ~straddling
    return Decisions(
        new=new.take(stays),
        arrival=arrival[stays],
        time=times.times[arrival[stays]],
        kept=kept,
        contradictory=contradictory,
        contradictory_rows=rows,
        straddling=new.ids[straddling],
        straddling_arrival=arrival[straddling],
        duplicates=len(arrivals.ids) - rows - len(arrival),
        times=times,
        split=summary,
    )


def _contents(arrivals: Arrivals) -> _Contents:
    order = np.argsort(arrivals.ids, kind="stable")
    ordered, labels = arrivals.ids[order], arrivals.label[order]
    first = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)])
    counts = np.diff(first, append=len(ordered))
    ids = ordered[first]
    if len(ids) == 0:
        return _Contents(ids, counts, order, np.zeros(0, bool))
    agree = np.minimum.reduceat(labels, first) == np.maximum.reduceat(labels, first)
    return _Contents(ids, counts, order[first], agree)


def _contradictory(contents: _Contents, arrivals: Arrivals, base: Base) -> np.ndarray:
    """Return the contents with two labels, among the arrivals or beside the base, ordered."""
    among = contents.ids[~contents.agree]
    place = np.searchsorted(base.nodes.ids, contents.ids)
    place = np.minimum(place, max(len(base.nodes.ids) - 1, 0))
    if len(base.nodes.ids) == 0:
        return np.union1d(among, base.contradictory)
    same = base.nodes.ids[place] == contents.ids
    other = base.nodes.label[place] != arrivals.label[contents.arrival]
    return np.union1d(np.union1d(among, contents.ids[same & other]), base.contradictory)


def _as_nodes(arrivals: Arrivals, chosen: np.ndarray) -> Nodes:
    ids = arrivals.ids[chosen]
    test = np.zeros(len(ids), bool)
    return Nodes(ids, arrivals.label[chosen], ids.copy(), test, arrivals.position[chosen])


def _labels(kept: Nodes, new: Nodes, file: SignatureFile, threshold: float) -> np.ndarray:
    """Return per row, the base's before the new ones, the first row of what it belongs to.

    Clusters of the base may carry one label afterwards, joined through new rows.
    """
    _, first, cluster_of = np.unique(kept.cluster, return_index=True, return_inverse=True)
    start = np.concatenate([first[cluster_of], len(kept.ids) + np.arange(len(new.ids))])
    positions = np.concatenate([kept.position, new.position])
    return cluster(file, positions, threshold, start.astype(np.int64), len(kept.ids))


def _attached(kept: Nodes, new: Nodes, labels: np.ndarray) -> tuple[Nodes, np.ndarray]:
    """Return the new rows with their clusters, and which of them resemble both sides."""
    of_kept, of_new = labels[: len(kept.ids)], labels[len(kept.ids) :]
    sides = np.zeros((2, len(labels)), bool)
    sides[kept.test.astype(np.int8), of_kept] = True
    joins = of_new < len(kept.ids)
    cluster_of, test = new.cluster.copy(), new.test.copy()
    cluster_of[joins] = kept.cluster[of_new[joins]]
    test[joins] = kept.test[of_new[joins]]
    cluster_of[~joins] = new.ids[of_new[~joins] - len(kept.ids)]
    attached = Nodes(new.ids, new.label, cluster_of, test, new.position)
    return attached, sides[:, of_new].all(axis=0)
