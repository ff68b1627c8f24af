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


def install(folder: Path, package: str = "tulips", name: str = "tulip") -> None:
    """Install a package as pip does: the module, and metadata with its entry point."""
    folder.mkdir(exist_ok=True)
    (folder / f"{package}.py").write_text(OUT_OF_TREE)
    metadata = folder / f"{package}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    entry = f"[mlplatform.use_cases]\n{name} = {package}:TulipUseCase\n"
    (metadata / "entry_points.txt").write_text(entry)


def test_a_use_case_of_another_package_is_found(tmp_path):
    install(tmp_path)
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


INSTALL_LATER = """
import os, shutil, sys
from use_cases import InstalledUseCases, discover, use_case, use_case_names
from platform_core.errors import UnknownUseCase
before = use_case_names()
assert not discover() and use_case_names() is before
try:
    use_case("tulip")
except UnknownUseCase:
    pass
for name in ("tulips.pth", "tulips-1.0.dist-info"):
    shutil.move(os.path.join(source, name), site)
os.utime(site, ns=(1, 1))
assert use_case("tulip").name == "tulip"
assert set(use_case_names()) - set(before) == {"tulip"}
assert "tulip" in set(InstalledUseCases())
"""


def test_a_package_is_found_that_was_installed_after_the_start(tmp_path):
    """As an editable installation: metadata, and a `.pth` file that names the module's folder."""
    site, later = tmp_path / "site-packages", tmp_path / "later"
    site.mkdir()
    install(later)
    (later / "tulips-1.0.dist-info").rename(tmp_path / "tulips-1.0.dist-info")
    (tmp_path / "tulips.pth").write_text(f"{later}\n")
    run(f"source, site = {str(tmp_path)!r}, {str(site)!r}\n{INSTALL_LATER}", site)


SHOW_REFUSAL = """
from platform_core.errors import ConfigurationError
from use_cases import InstalledUseCases, use_case
try:
    use_case(name)
except ConfigurationError as error:
    print(error)
assert name not in set(InstalledUseCases())
"""


def test_two_packages_with_the_same_use_case_are_refused_by_name(tmp_path):
    install(tmp_path, "tulips")
    install(tmp_path, "more_tulips")
    said = run(f"name = 'tulip'\n{SHOW_REFUSAL}", tmp_path)
    assert "the use case 'tulip' is offered by 2 packages: " in said
    assert "more_tulips 1.0" in said
    assert " tulips 1.0" in said


def test_an_entry_point_has_the_name_of_its_use_case(tmp_path):
    install(tmp_path, name="rose")
    expected = "tulips 1.0 offers the use case 'tulip' under the name 'rose'"
    assert run(f"name = 'rose'\n{SHOW_REFUSAL}", tmp_path).startswith(expected)
