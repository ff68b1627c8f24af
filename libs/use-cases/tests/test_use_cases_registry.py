"""Use cases are found by entry point, and loading them needs no training library."""

import subprocess
import sys
from pathlib import Path

import pytest

from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.errors import UnknownUseCase
from use_cases import use_case, use_case_names

OUT_OF_TREE = '''
import pyarrow as pa
from use_cases.iris import IrisUseCase

class TulipUseCase(IrisUseCase):
    """Iris under another name, as another package would offer it."""

    name = "tulip"
'''
TRAINING_LIBRARIES = ("sklearn", "pandas", "skl2onnx", "onnx", "onnxruntime", "scipy")


def run(code: str, path: Path | None = None) -> str:
    setup = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    done = subprocess.run(
        [sys.executable, "-c", setup + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_built_in_use_cases_are_found():
    assert {"iris", "spam"} <= set(use_case_names())
    assert DEFAULT_USE_CASE in use_case_names()
    assert use_case("iris").name == "iris"
    assert use_case("iris") is use_case("iris")


def test_an_unknown_name_lists_what_there_is():
    with pytest.raises(UnknownUseCase, match=r"no use case 'weather'.*iris.*spam"):
        use_case("weather")


def test_a_use_case_of_another_package_is_found(tmp_path):
    (tmp_path / "tulips.py").write_text(OUT_OF_TREE)
    metadata = tmp_path / "tulips-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tulips\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(
        "[mlplatform.use_cases]\ntulip = tulips:TulipUseCase\n"
    )
    code = """
from use_cases import use_case, use_case_names
print(*use_case_names(), use_case("tulip").features(use_case("tulip").golden_records()).num_rows)
"""
    assert run(code, tmp_path).split() == [*sorted({*use_case_names(), "tulip"}), "3"]


def test_serving_needs_no_training_library():
    code = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {TRAINING_LIBRARIES!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
from use_cases import assemble, use_case, use_case_names
for name in use_case_names():
    case = use_case(name)
    records = case.redact(case.golden_records())
    assert assemble(case, records).num_rows == records.num_rows
    case.entity_keys(records)
    case.training().generate(5, seed=0)
"""
    run(code)
