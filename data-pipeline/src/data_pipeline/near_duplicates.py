"""Near duplicates: MinHash signatures (rensa), locality-sensitive bands, clusters.

The signature of a text estimates the Jaccard similarity of its sets of three consecutive words
(Broder 1997). Only the lowest byte of each minimum is kept, which costs little accuracy (Li and
König, "b-Bit Minwise Hashing", 2010). Texts that agree in one band of six bytes are compared. At
a similarity of 0.8 a pair is found with probability 1 - (1 - 0.8^6)^20 = 0.998.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from rensa import RMinHash
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

BAND_BYTES, BANDS = 6, 20
PERMUTATIONS = BAND_BYTES * BANDS
SCHEME = f"rensa {RMinHash.ALGORITHM_VERSION}, 3 words, {PERMUTATIONS} bytes, seed 1"
"""Signatures of different schemes cannot be compared."""
# Pairs further apart in a band are compared in another band, or joined through their neighbours.
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


def estimate(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the estimated Jaccard similarities of N pairs of signatures [N, 120].

    One in 256 bytes agrees by chance.
    """
    agree = (left == right).mean(axis=1)
    return np.asarray((agree - 1 / _BYTE_VALUES) / (1 - 1 / _BYTE_VALUES))


def cluster(
    signatures: np.ndarray, nodes: np.ndarray, threshold: float, labels: np.ndarray, fixed: int
) -> np.ndarray:
    """Return, for each of N nodes, the lowest node of its cluster.

    `signatures` [M, 120] belong to the `nodes` [M]; other nodes have none. `labels` [N] are the
    initial clusters: each node's own number, or the lowest node of an existing cluster. Nodes are
    joined, directly or through others, when they share a band and their estimated similarity
    reaches `threshold`, except for pairs of the first `fixed` nodes.
    """
    for start in range(0, PERMUTATIONS if len(nodes) else 0, BAND_BYTES):
        padded = np.zeros((len(nodes), 8), np.uint8)
        padded[:, :BAND_BYTES] = signatures[:, start : start + BAND_BYTES]
        keys = padded.view(np.uint64).ravel()
        order = np.argsort(keys, kind="stable").astype(np.int32)
        for one, other in _candidates(keys[order]):
            left, right = order[one], order[other]
            first, second = nodes[left], nodes[right]
            apart = (labels[first] != labels[second]) & ~((first < fixed) & (second < fixed))
            left, right = left[apart], right[apart]
            similar = _similarities(signatures, left, right) >= threshold
            if similar.any():
                labels = _joined(labels, nodes[left[similar]], nodes[right[similar]])
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


def _candidates(keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of positions with the same key in sorted `keys`: each position with the next
    few, a distance at a time, and with the first one of its key.
    """
    for distance in range(1, NEIGHBOURS + 1):
        same = np.flatnonzero(keys[distance:] == keys[:-distance])
        yield same, same + distance
    far = np.flatnonzero(keys[NEIGHBOURS + 1 :] == keys[: -NEIGHBOURS - 1]) + NEIGHBOURS + 1
    yield np.searchsorted(keys, keys[far]), far


def _similarities(signatures: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    starts = range(0, len(left), CHUNK_ROWS)
    chunks = (slice(start, start + CHUNK_ROWS) for start in starts)
    found = [estimate(signatures[left[c]], signatures[right[c]]) for c in chunks]
    return np.concatenate([*found, np.empty(0)])


def _joined(labels: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return `labels` after joining pairs: each group carries the lowest label in it."""
    size = len(labels)
    pairs = coo_array((np.ones(len(left), bool), (labels[left], labels[right])), (size, size))
    count, group = connected_components(pairs, directed=False)
    lowest = np.full(count, size)
    np.minimum.at(lowest, group, np.arange(size))
    return np.asarray(lowest[group[labels]])
