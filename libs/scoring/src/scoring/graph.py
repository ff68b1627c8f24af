"""The ONNX graph of a release, in ONNX Runtime."""

from collections.abc import Iterator
from math import isfinite

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from platform_core.errors import ReleaseRefused
from platform_core.open_inference import NUMBERS, PREDICTION, PROBABILITIES
from use_cases import FeatureSchema, number_block
from use_cases.signature import FEATURE_SCHEMA_KEY, feature_schema_hash

# The TF-IDF output is dense (rows x terms); more rows at once cost gigabytes, not time.
CHUNK_ROWS = 512
# A graph may look at every byte of a text, and each row then takes as much room as the longest: 4
# million bytes are about 0.5 GB.
CHUNK_BYTES = 4_000_000
# The most rows of an online request; batches this small are not measured.
FEW_ROWS = 32


class Graph:
    """A loaded graph that takes the features of `schema` and returns probabilities of `classes`
    classes, or numbers where there is none.
    """

    def __init__(self, model: bytes, schema: FeatureSchema, classes: int, threads: int = 1) -> None:
        """Load `model`.

        Raises:
            ReleaseRefused: the graph cannot be loaded or does not take `schema`.
        """
        # Programs that only read releases do without its 23 MB.
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime raises a dozen types without a common base
            raise ReleaseRefused(f"the ONNX graph cannot be loaded: {error}") from error
        self._schema = schema
        self._classes = classes
        self._output = PROBABILITIES if classes else PREDICTION
        self._row = (classes,) if classes else ()
        self._check()

    def answers(self, features: pa.RecordBatch) -> np.ndarray:
        """Return the probabilities [N, C], or the numbers [N] of a regression, as float32 for
        `features` of the schema.

        Raises:
            ReleaseRefused: the graph answered something that is not one row of finite
                probabilities, or one finite number, per record.
        """
        if 0 < features.num_rows <= FEW_ROWS:
            return self._run(features)
        parts = [self._run(chunk) for chunk in self._chunks(features)]
        return np.concatenate(parts) if parts else np.empty((0, *self._row), np.float32)

    def _chunks(self, batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
        lengths = np.zeros(batch.num_rows, np.int64)
        for name in self._schema.texts:
            sizes = pc.binary_length(batch.column(name)).fill_null(0)
            lengths = np.maximum(lengths, sizes.to_numpy(zero_copy_only=False))
        start = 0
        while start < batch.num_rows:
            longest = np.maximum.accumulate(lengths[start : start + CHUNK_ROWS])
            room = longest * np.arange(1, len(longest) + 1)
            rows = max(1, int(np.searchsorted(room, CHUNK_BYTES, side="right")))
            yield batch.slice(start, rows)
            start += rows

    def _run(self, features: pa.RecordBatch) -> np.ndarray:
        feed: dict[str, np.ndarray] = {
            name: np.array(features.column(index).to_pylist(), object)[:, None]
            for index, name in enumerate(self._schema.texts)
        }
        if self._schema.numbers:
            feed[NUMBERS] = number_block(features)
        try:
            result = np.asarray(self._session.run([self._output], feed)[0])
        except Exception as error:  # as above
            raise ReleaseRefused(f"the ONNX graph cannot be run: {error}") from error
        if not self._classes and result.shape == (features.num_rows, 1):
            result = result[:, 0]
        finite = all(map(isfinite, result.ravel().tolist()))  # (numpy costs more for one record)
        if result.shape != (features.num_rows, *self._row) or not finite:
            raise ReleaseRefused(
                f"the ONNX graph answered shape {result.shape} for {features.num_rows} records "
                f"and {self._classes} classes, or values that are not finite"
            )
        return result.astype(np.float32, copy=False)

    def _check(self) -> None:
        stamped = self._session.get_modelmeta().custom_metadata_map.get(FEATURE_SCHEMA_KEY)
        if stamped != feature_schema_hash(self._schema):
            raise ReleaseRefused(
                "the ONNX graph was exported for another feature schema; train a new release "
                "with the installed code"
            )
        expected = dict.fromkeys(self._schema.texts, ("tensor(string)", 1))
        if self._schema.numbers:
            expected[NUMBERS] = ("tensor(float)", len(self._schema.numbers))
        actual = {t.name: (t.type, t.shape[-1]) for t in self._session.get_inputs()}
        outputs = [tensor.name for tensor in self._session.get_outputs()]
        if actual != expected or self._output not in outputs:
            raise ReleaseRefused(
                f"the ONNX graph takes {actual} and answers {outputs}, "
                f"expected {expected} and {self._output!r}"
            )
