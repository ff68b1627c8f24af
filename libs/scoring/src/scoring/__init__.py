"""The release format, its verification and the one way from records to decisions."""

from scoring.decision import decide, decided_classes, prediction_intervals
from scoring.entity_lookup import EntityLookup
from scoring.feature_transformer import FeatureTransformer, TransformedRecords
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
    "EntityLookup",
    "FeatureTransformer",
    "Release",
    "Scorer",
    "Scores",
    "TransformedRecords",
    "build_release",
    "decide",
    "decided_classes",
    "feature_views",
    "load_lineage",
    "load_manifest",
    "load_release",
    "prediction_intervals",
    "store_release",
    "verify",
]
