"""Near duplicates: MinHash signatures (rensa), locality-sensitive bands, clusters.

The signature of a text estimates the Jaccard similarity of its sets of three consecutive words
(Broder 1997). Only the lowest byte of each minimum is kept, which costs little accuracy (Li and
König, "b-Bit Minwise Hashing", 2010). Texts that agree in one band of six bytes are compared. At
a similarity of 0.8 a pair is found with probability 1 - (1 - 0.8^6)^20 = 0.998.

Rensa's own index holds every row in memory; the bands here are read from a file one at a time.
"""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rensa import RMinHash

BAND_BYTES, BANDS = 6, 20
PERMUTATIONS = BAND_BYTES * BANDS
SCHEME = f"rensa {RMinHash.ALGORITHM_VERSION}, 3 words, {PERMUTATIONS} bytes, seed 1"
"""Signatures of different schemes cannot be compared."""
# What is not compared within a band is compared in another one, or joined through its neighbours.
NEIGHBOURS = 8
CHUNK_ROWS = 1 << 16
_SEED = 1
_BYTE_VALUES = 256
_MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)


def signatures(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the signatures [N, 120] uint8 of N texts, and which rows have one: a null or a text
    without a letter or digit has none.
    """
    words = pc.split_pattern_regex(pc.utf8_lower(pc.fill_null(texts, "")), r"[^\pL\pN]+")
    flat = words.flatten()
    lengths = pc.list_value_length(words).to_numpy(zero_copy_only=False)
    rows = np.repeat(np.arange(len(texts)), lengths)
    real = np.asarray(pc.greater(pc.binary_length(flat), 0))
    hashes, rows = _word_hashes(flat.filter(pa.array(real))), rows[real]
    counts = np.bincount(rows, minlength=len(texts))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
    shingles = _shingles(hashes, rows)
    matrix = RMinHash.digest_matrix_from_flat_token_hashes(shingles, offsets, PERMUTATIONS, _SEED)
    minima = np.array(matrix.to_rows(), dtype=np.uint32).reshape(len(texts), PERMUTATIONS)
    return (minima % _BYTE_VALUES).astype(np.uint8), counts > 0


class SignatureFile:
    """Signatures on disk, a row each in the order of `append`; a context manager."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w+b")
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, block: np.ndarray) -> None:
        """Write the signatures [N, 120] of the next rows."""
        self._file.write(np.ascontiguousarray(block).tobytes())
        self.rows += len(block)

    def band(self, number: int) -> np.ndarray:
        """Return one band of every row as a number (uint64)."""
        self._file.flush()
        keys = np.zeros((self.rows, 8), np.uint8)
        start = number * BAND_BYTES
        for first in range(0, self.rows, CHUNK_ROWS):
            count = min(CHUNK_ROWS, self.rows - first)
            data = os.pread(self._file.fileno(), count * PERMUTATIONS, first * PERMUTATIONS)
            block = np.frombuffer(data, np.uint8).reshape(count, PERMUTATIONS)
            keys[first : first + count, :BAND_BYTES] = block[:, start : start + BAND_BYTES]
        return keys.view(np.uint64).ravel()

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Return the signatures [N, 120] of N rows."""
        self._file.flush()
        number = self._file.fileno()
        parts = (os.pread(number, PERMUTATIONS, row * PERMUTATIONS) for row in rows.tolist())
        return np.frombuffer(b"".join(parts), np.uint8).reshape(len(rows), PERMUTATIONS)


def estimate(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the estimated Jaccard similarities of rows of signatures: of bytes that agree, one
    in 256 does so by chance.
    """
    agree = (left == right).mean(axis=1)
    return np.asarray((agree - 1 / _BYTE_VALUES) / (1 - 1 / _BYTE_VALUES))


def cluster(
    file: SignatureFile, positions: np.ndarray, threshold: float, labels: np.ndarray, fixed: int
) -> np.ndarray:
    """Return, per node, the lowest node that it is joined with, directly or through others.

    `positions` are the nodes' rows in `file`, -1 for a node without a signature. `labels` is
    where to start: each node's own number, or the first of a cluster that is there already. Of
    the first `fixed` nodes no two are joined anew. Nodes are joined when they share a band and
    their estimated similarity reaches `threshold`.
    """
    known = np.flatnonzero(positions >= 0)
    for band in range(BANDS if len(known) else 0):
        keys = file.band(band)[positions[known]]
        order = np.argsort(keys, kind="stable")
        left, right = _candidates(keys[order])
        left, right = known[order[left]], known[order[right]]
        apart = (labels[left] != labels[right]) & ~((left < fixed) & (right < fixed))
        left, right = left[apart], right[apart]
        alike = _verified(file, positions[left], positions[right], threshold)
        labels = _joined(labels, left[alike], right[alike])
    return labels


def _word_hashes(words: pa.Array) -> np.ndarray:
    encoded = words.dictionary_encode()
    (hashes,) = RMinHash.hash_token_sets([encoded.dictionary.to_pylist()])
    return np.asarray(np.array(hashes, dtype=np.uint64)[np.asarray(encoded.indices)])


def _shingles(words: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return a hash of each word with the two that follow it in its row, where there are any."""
    shingles = words * _MIX[0]
    for ahead, mix in ((1, _MIX[1]), (2, np.uint64(1))):
        follows = np.flatnonzero(rows[ahead:] == rows[:-ahead])
        following = np.zeros_like(words)
        following[follows] = words[follows + ahead]
        shingles ^= shingles >> np.uint64(29)
        shingles += following * mix
    return shingles


def _candidates(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of places with the same key in sorted `keys`: each with the next few, and with
    the first of its run.
    """
    starts = np.concatenate([[True], keys[1:] != keys[:-1]])
    first = np.flatnonzero(starts)[np.cumsum(starts) - 1]
    places = np.arange(len(keys))
    far = places - first > NEIGHBOURS
    left, right = [first[far]], [places[far]]
    for distance in range(1, NEIGHBOURS + 1):
        same = np.flatnonzero(keys[distance:] == keys[:-distance])
        left.append(same)
        right.append(same + distance)
    return np.concatenate(left), np.concatenate(right)


def _verified(
    file: SignatureFile, left: np.ndarray, right: np.ndarray, threshold: float
) -> np.ndarray:
    alike = np.zeros(len(left), bool)
    for start in range(0, len(left), CHUNK_ROWS):
        part = slice(start, start + CHUNK_ROWS)
        similar = estimate(file.read(left[part]), file.read(right[part]))
        alike[part] = similar >= threshold
    return alike


def _joined(labels: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return `labels` after joining pairs: each group carries the lowest label in it."""
    while np.any(labels[left] != labels[right]):
        ends = labels[left], labels[right]
        lowest = np.minimum(*ends)
        parents = labels.copy()
        for end in ends:
            np.minimum.at(parents, end, lowest)
        while np.any(parents[parents] != parents):
            parents = parents[parents]
        labels = parents[labels]
    return labels
