"""Saves the graph as a Python model of MLflow: arguments are the graph and the model's folder.

(MLflow's own ONNX flavour gives each column to the graph as it is, [N]; the graph takes [N, 1].)
"""

import sys
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import Array, DataType


class Spam(mlflow.pyfunc.PythonModel):
    """Runs the graph on the rows of a data frame."""

    def load_context(self, context: mlflow.pyfunc.PythonModelContext) -> None:
        """Load the graph."""
        from graph import Graph

        self.graph = Graph(context.artifacts["graph"])

    def predict(
        self,
        context: mlflow.pyfunc.PythonModelContext,
        model_input: pd.DataFrame,
        params: dict | None = None,
    ) -> list[float]:
        """Answer with the probabilities of spam."""
        del context, params
        numbers = model_input["numbers"].tolist()
        return self.graph.probabilities(model_input["text"].to_numpy(), numbers)[:, 1].tolist()


if __name__ == "__main__":
    columns = [
        ColSpec(DataType.string, "text"),
        ColSpec(Array(DataType.double), "numbers"),
    ]
    mlflow.pyfunc.save_model(
        sys.argv[2],
        python_model=Spam(),
        artifacts={"graph": sys.argv[1]},
        code_paths=[str(Path(__file__).parent / "graph.py")],
        signature=ModelSignature(Schema(columns)),
        pip_requirements=[],
    )
