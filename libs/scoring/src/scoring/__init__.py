"""The release format, its verification and the one way from records to decisions."""

from scoring.decision import decide
from scoring.release import (
    Release,
    build_release,
    feature_views,
    load_lineage,
    load_manifest,
    load_release,
    store_release,
)
from scoring.scorer import Scorer, Scores
from scoring.verify import verify

__all__ = [
    "Release",
    "Scorer",
    "Scores",
    "build_release",
    "decide",
    "feature_views",
    "load_lineage",
    "load_manifest",
    "load_release",
    "store_release",
    "verify",
]
