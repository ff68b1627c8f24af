"""The release format, its verification and the one way from records to decisions."""

from scoring.decision import decide
from scoring.entity_lookup import EntityLookup
from scoring.feature_transformer import FeatureTransformer, TransformedRecords
from scoring.release import (
    Release,
    baseline_path,
    build_release,
    feature_views,
    load_lineage,
    load_manifest,
    load_release,
    refused_path,
    release_path,
    store_release,
)
from scoring.replay import Replay, replay
from scoring.scorer import Scorer, Scores
from scoring.verify import verify

__all__ = [
    "EntityLookup",
    "FeatureTransformer",
    "Release",
    "Replay",
    "Scorer",
    "Scores",
    "TransformedRecords",
    "baseline_path",
    "build_release",
    "decide",
    "feature_views",
    "load_lineage",
    "load_manifest",
    "load_release",
    "refused_path",
    "release_path",
    "replay",
    "store_release",
    "verify",
]
