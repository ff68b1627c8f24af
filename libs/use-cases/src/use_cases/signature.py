"""How an ONNX graph names the features it was trained on.

The exporter stamps the hash into the graph's metadata; loading a graph compares it.
"""

from platform_core.hashing import sha256_json
from use_cases.feature_schema import FeatureSchema

FEATURE_SCHEMA_KEY = "mlplatform.feature_schema"


def feature_schema_hash(schema: FeatureSchema) -> str:
    """Return the hash of a model's features, as the graph's metadata carries it."""
    return sha256_json(schema.spec.model_dump(mode="json"))
