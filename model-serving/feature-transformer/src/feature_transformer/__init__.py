"""Records to features with the online lookup; a KServe transformer."""

from feature_transformer.lookup import EntityLookup
from feature_transformer.transformer import FeatureTransformer, Transformed

__all__ = ["EntityLookup", "FeatureTransformer", "Transformed"]
