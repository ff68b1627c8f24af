"""Groups of mails of one topic for cross-validation (needs the `training` extra).

A model that has seen a topic knows its words. Evaluated on unseen topics, candidates are chosen
by how they generalise to mail from other sources, and so is the threshold.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.preprocessing import normalize

# The start of a mail shows its topic; long mails would take most of the time.
CHARACTERS = 600
TOPICS = 12
MAILS_PER_TOPIC = 15
FEWEST_TOPICS = 6
DIMENSIONS = 32
COLUMNS = 1 << 12


def fold_groups(features: pa.Table) -> pa.Array | None:
    """Return `<class>-<topic>` per row, or `None` where a class has too few mails or topics.

    Args:
        features: has `text` and `label`; rows that share a value of `cluster`, where there is
            such a column, get the group of the first of them. Otherwise each pair of near
            duplicates on two topics would join these topics.
    """
    labels = np.asarray(features["label"].to_pylist())
    groups = np.empty(len(labels), object)
    points = _points(features["text"].combine_chunks())
    for name in np.unique(labels):
        rows = np.flatnonzero(labels == name)
        topics = min(TOPICS, len(rows) // MAILS_PER_TOPIC)
        if topics < FEWEST_TOPICS:
            return None
        means = MiniBatchKMeans(topics, random_state=0, n_init=1).fit_predict(points[rows])
        groups[rows] = [f"{name}-{topic}" for topic in means]
    if "cluster" in features.column_names:
        groups = groups[_first_rows(features["cluster"])]
    few = min(len(set(groups[labels == name])) for name in np.unique(labels)) < FEWEST_TOPICS
    return None if few else pa.array(groups, pa.string())


def _points(texts: pa.Array) -> np.ndarray:
    """Return [N, 32]: latent semantic analysis of the words (Deerwester et al., 1990)."""
    words = HashingVectorizer(
        n_features=COLUMNS, alternate_sign=False, binary=True, norm=None, lowercase=False
    ).transform(pc.utf8_slice_codeunits(texts, 0, CHARACTERS).to_pylist())
    weights = TfidfTransformer().fit_transform(words)
    points = TruncatedSVD(DIMENSIONS, n_iter=2, random_state=0).fit_transform(weights)
    return np.asarray(normalize(points))


def _first_rows(clusters: pa.ChunkedArray) -> np.ndarray:
    """Return per row the first row with its cluster; a null is alone."""
    values = clusters.combine_chunks()
    codes = pc.dictionary_encode(values).indices.fill_null(-1).to_numpy()
    _, first, inverse = np.unique(codes, return_index=True, return_inverse=True)
    rows = first[inverse]
    alone = codes < 0
    rows[alone] = np.flatnonzero(alone)
    return rows
