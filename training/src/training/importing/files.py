"""Model files: detect the format by content, and refuse untrusted pickles.

Reading a pickle runs code of its author: joblib and MLflow's scikit-learn models are pickles.
An ONNX file and a skops file are data.
"""

import warnings
import zipfile
from pathlib import Path
from typing import Any

from skops import io as skops

from platform_core.errors import InvalidData, Refused
from platform_core.hashing import sha256_bytes
from training.importing.found import FoundModel
from training.importing.onnx_models import read_graph

SKOPS_SCHEMA = "schema.json"
PICKLES = (
    b"\x80",
    b"\x1f\x8b",
    b"x\x01",
    b"x^",
    b"x\x9c",
    b"x\xda",
    b"BZh",
    b"\xfd7zXZ\x00",
    b'\x04"M\x18',
)
"""The first bytes of pickles (protocol 2 or later) and of joblib's compressed pickles."""
TRUSTED = frozenset(
    {
        "collections.OrderedDict",
        "collections.defaultdict",
        "lightgbm.basic.Booster",
        "lightgbm.sklearn.LGBMClassifier",
        "lightgbm.sklearn.LGBMRegressor",
        "xgboost.core.Booster",
        "xgboost.sklearn.XGBClassifier",
        "xgboost.sklearn.XGBRegressor",
    }
)
"""Types that are accepted in addition to those that skops trusts: they are restored from data."""
PICKLE_SUFFIXES = frozenset({".joblib", ".pkl", ".pickle"})


def read_model_file(file: Path, source: str, trust_pickle: bool) -> FoundModel:
    """Return the model in a file.

    Raises:
        InvalidData: the file cannot be read, or has none of the formats.
        Refused: it is a pickle, or a skops file with untrusted types.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise InvalidData(f"{source} cannot be read: {error.strerror}") from error
    digest = sha256_bytes(data)
    if _is_skops(file):
        return FoundModel(
            source, "scikit-learn (skops)", digest, estimator=read_skops(file, source)
        )
    if data.startswith(PICKLES) or file.suffix in PICKLE_SUFFIXES:
        require_trust(source, trust_pickle)
        return FoundModel(
            source, "scikit-learn (pickle)", digest, estimator=read_pickle(file, source)
        )
    return FoundModel(source, "ONNX", digest, graph=read_graph(data, source))


def require_trust(source: str, trust_pickle: bool) -> None:
    """Refuse a pickle unless the user trusts it."""
    if not trust_pickle:
        raise Refused(
            f"{source} is a pickle: reading it runs code that its author chose. Save the model "
            "with skops or as ONNX, or add --trust-pickle if you trust its origin"
        )


def read_skops(file: Path, source: str) -> Any:
    """Return the estimator in a skops file.

    Raises:
        Refused: it has types that skops does not trust; they are named.
        InvalidData: it cannot be read.
    """
    try:
        unknown = set(skops.get_untrusted_types(file=file))
    except Exception as error:  # of zipfile, json and skops
        raise InvalidData(f"{source} cannot be read by skops: {error}") from error
    if untrusted := sorted(unknown - TRUSTED):
        raise Refused(
            f"{source} has types that skops does not trust: {', '.join(untrusted)}; use "
            "estimators of scikit-learn, XGBoost or LightGBM alone, or save the model as ONNX"
        )
    try:
        return skops.load(file, trusted=sorted(unknown))
    except Exception as error:  # as above
        raise InvalidData(f"{source} cannot be loaded by skops: {error}") from error


def read_pickle(file: Path, source: str) -> Any:
    """Return the estimator in a trusted pickle or joblib file.

    Raises:
        InvalidData: it cannot be read here, or is not an estimator.
    """
    import joblib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # such as scikit-learn's about another version
            model = joblib.load(file)
    except Warning as error:
        raise InvalidData(
            f"{source} was written by other versions of its libraries: {error}; export it to ONNX "
            "with those versions"
        ) from error
    except Exception as error:  # a damaged pickle, or its packing, raises nearly anything
        raise InvalidData(f"{source} cannot be read here: {error!r:.300}") from error
    if not hasattr(model, "predict"):
        raise InvalidData(f"{source} holds a {type(model).__name__}, which has no predict method")
    return model


def _is_skops(file: Path) -> bool:
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return SKOPS_SCHEMA in archive.namelist()
