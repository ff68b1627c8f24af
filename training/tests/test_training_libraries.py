"""Which packages a model was made with."""

from importlib.metadata import version

import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from training.tracking.libraries import libraries, modules_of, use_case_package
from use_cases import number_block


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
