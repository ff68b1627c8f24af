"""The graph as all peers run it: ONNX Runtime with one thread and precomputed inputs."""

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort


class Graph:
    """Runs the graph on a text and K numbers per row: inputs [N, 1] and [N, K]."""

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
