"""How an ONNX graph says which columns it was trained on.

The exporter stamps the hash into the graph's metadata, whoever loads the graph compares it.
"""

import pyarrow as pa

from platform_core.hashing import sha256_json
from platform_core.open_inference import tensor_specs

FEATURE_SCHEMA_KEY = "mlplatform.feature_schema"


def feature_schema_hash(schema: pa.Schema) -> str:
    """Return the hash of a model's input columns, as the graph's metadata carries it."""
    return sha256_json([spec.model_dump(mode="json") for spec in tensor_specs(schema)])
