"""The graph as every peer runs it: ONNX Runtime with one thread, inputs computed beforehand."""

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort


class Graph:
    """Takes a text and K numbers a row, as the graph does: inputs [N, 1] and [N, K]."""

    def __init__(self, path: str) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self._text, self._numbers = (each.name for each in self._session.get_inputs())

    def probabilities(
        self, texts: Sequence[str] | np.ndarray, numbers: Sequence[Sequence[float]] | np.ndarray
    ) -> np.ndarray:
        """Return [N, C] for N texts and numbers [N, K]."""
        feed = {
            self._text: np.asarray(texts, object).reshape(-1, 1),
            self._numbers: np.asarray(numbers, np.float32),
        }
        return self._session.run(["probabilities"], feed)[0]
