"""Which packages a model was made with, and which ones a step imports before it works."""

import subprocess
import sys
from importlib.metadata import version

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from training.tracking.libraries import libraries, modules_of, use_case_package
from use_cases import number_block

HEAVY = ("scipy", "sklearn", "duckdb", "rensa", "onnxruntime", "mlflow", "matplotlib")
LIGHT_MODULES = ("training.steps.features", "training.steps.stage", "releases.bootstrap")


def test_every_part_of_a_model_is_visited() -> None:
    model = make_pipeline(FunctionTransformer(number_block), FunctionTransformer(pd.isna))
    assert modules_of(model) >= {"sklearn", "pandas", "platform_core"}
    assert "pandas" not in modules_of(LogisticRegression())


def test_libraries_outside_the_pipelines_own_are_named_with_their_version() -> None:
    found = libraries(make_pipeline(StandardScaler(), FunctionTransformer(pd.isna)))
    assert found["pandas"] == version("pandas")
    assert found["scikit-learn"] == version("scikit-learn")
    assert "pandas" not in libraries(LogisticRegression())
    assert set(libraries()) >= {"python", "onnx"}


def test_the_package_of_a_use_case() -> None:
    found = use_case_package("iris")
    assert found is not None
    assert (found.name, found.version) == (
        "mlplatform-use-cases", version("mlplatform-use-cases")
    )  # fmt: skip
    assert use_case_package("none") is None


def test_programs_that_read_stored_features_and_releases_start_without_heavy_libraries() -> None:
    code = f"import sys, {', '.join(LIGHT_MODULES)}; print(set({HEAVY}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
