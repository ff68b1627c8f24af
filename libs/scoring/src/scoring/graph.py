"""The ONNX graph of a release, in ONNX Runtime."""

from collections.abc import Iterator

import numpy as np
import onnxruntime as ort
import pyarrow as pa

from platform_core.errors import ReleaseRefused
from platform_core.open_inference import PROBABILITIES, tensor_specs
from use_cases.signature import FEATURE_SCHEMA_KEY, feature_schema_hash

# The TF-IDF output is dense (rows x terms); more rows at once cost gigabytes, not time.
CHUNK_ROWS = 512
_ORT_TYPES = {"BYTES": "tensor(string)", "FP32": "tensor(float)", "INT64": "tensor(int64)"}


class Graph:
    """A loaded graph that takes the columns of `schema` and returns probabilities."""

    def __init__(self, model: bytes, schema: pa.Schema, classes: int, threads: int = 1) -> None:
        """Load `model`.

        Raises:
            ReleaseRefused: the graph cannot be loaded or does not take `schema`.
        """
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen types without a common base
            raise ReleaseRefused(f"the ONNX graph cannot be loaded: {error}") from error
        self._schema = schema
        self._floats = any(field.type == pa.float32() for field in schema)
        self._others = [field for field in schema if field.type != pa.float32()]
        self._classes = classes
        self._check()

    def probabilities(self, features: pa.RecordBatch) -> np.ndarray:
        """Return [N, C] float32 for `features` with the columns of the schema.

        Raises:
            ReleaseRefused: the graph answered something that is not one row of finite
                probabilities per record.
        """
        parts = [self._run(chunk) for chunk in _chunks(features)]
        return np.concatenate(parts) if parts else np.empty((0, self._classes), np.float32)

    def _run(self, features: pa.RecordBatch) -> np.ndarray:
        feed = {**self._numbers(features), **self._texts(features)}
        try:
            result = np.asarray(self._session.run([PROBABILITIES], feed)[0])
        except Exception as error:  # as above
            raise ReleaseRefused(f"the ONNX graph cannot be run: {error}") from error
        if result.shape != (features.num_rows, self._classes) or not np.isfinite(result).all():
            raise ReleaseRefused(
                f"the ONNX graph answered shape {result.shape} for {features.num_rows} records "
                f"and {self._classes} classes, or values that are not finite"
            )
        return result.astype(np.float32, copy=False)

    def _numbers(self, features: pa.RecordBatch) -> dict[str, np.ndarray]:
        """Return the float32 columns as tensors [N, 1]; all at once, for one by one they take as
        long as the graph does.
        """
        if not self._floats:
            return {}
        numbers = features.drop_columns([field.name for field in self._others])
        block = numbers.to_tensor(null_to_nan=True, row_major=False).to_numpy().T
        return dict(zip(numbers.schema.names, block[:, :, None], strict=True))

    def _texts(self, features: pa.RecordBatch) -> dict[str, np.ndarray]:
        """Return the other columns as tensors [N, 1]."""
        return {field.name: _tensor(features.column(field.name), field) for field in self._others}

    def _check(self) -> None:
        stamped = self._session.get_modelmeta().custom_metadata_map.get(FEATURE_SCHEMA_KEY)
        if stamped != feature_schema_hash(self._schema):
            raise ReleaseRefused(
                "the ONNX graph was exported for another feature schema; train a new release "
                "with the present code"
            )
        expected = {spec.name: _ORT_TYPES[spec.datatype] for spec in tensor_specs(self._schema)}
        actual = {tensor.name: tensor.type for tensor in self._session.get_inputs()}
        unknown = set(actual.items()) - set(expected.items())
        outputs = [tensor.name for tensor in self._session.get_outputs()]
        if unknown or set(expected) - set(actual) or PROBABILITIES not in outputs:
            raise ReleaseRefused(
                f"the ONNX graph takes {actual} and answers {outputs}, "
                f"expected {expected} and {PROBABILITIES!r}"
            )


def _chunks(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, CHUNK_ROWS):
        yield batch.slice(start, CHUNK_ROWS)


def _tensor(column: pa.Array, field: pa.Field) -> np.ndarray:
    values = column.to_numpy(zero_copy_only=False)
    kind = object if field.type == pa.string() else field.type.to_pandas_dtype()
    return np.asarray(values, kind).reshape(-1, 1)
