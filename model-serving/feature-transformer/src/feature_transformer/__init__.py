"""Records to features with the online lookup; a KServe transformer."""

from feature_transformer.transformer import FeatureTransformer, Transformed

__all__ = ["FeatureTransformer", "Transformed"]
