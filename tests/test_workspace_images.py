"""The images contain what their packages declare, and match the manifests."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest
import yaml
from image_digests import pinned

ROOT = Path(__file__).parent.parent
UV = ROOT / ".tools" / "uv" / "bin" / "uv"
NAME = re.compile(r"^[A-Za-z0-9._-]+")
ENTRY = re.compile(r"\[([a-z-]+)\]=(\S+/Dockerfile)")
BUILD_TOOLS = {"pip", "ruff", "pytest", "hypothesis", "import-linter", "uv"}
PROGRAMS = {
    "api-gateway": "api_gateway",
    "inference-service": "inference_service",
    "feature-transformer": "feature_transformer",
    "drift-detector": '"mlplatform", "drift", "run"',
    "release-controller": "release_controller",
    "training": "training",
    "console": "console",
    "ray": "batch_inference",
}


def dockerfiles() -> dict[str, Path]:
    text = (ROOT / "scripts" / "build-images").read_text()
    return {name: ROOT / file for name, file in ENTRY.findall(text)}


every_image = pytest.mark.parametrize("image", sorted(dockerfiles()))


@cache
def instructions(image: str) -> str:
    return dockerfiles()[image].read_text().replace("\\\n", " ")


@cache
def sync(image: str) -> list[str]:
    """Return the arguments of `uv sync` in the Dockerfile."""
    (line,) = re.findall(r"uv sync (.+)", instructions(image))
    return shlex.split(line)


def given(image: str, option: str) -> list[str]:
    words = sync(image)
    return [words[i + 1] for i, word in enumerate(words) if word == option]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def installed(image: str) -> set[str]:
    """Return the distributions in the lock file for the image's packages."""
    chosen = [w for w in sync(image) if w not in ("--no-editable",)]
    command = [str(UV), "export", "--quiet", "--no-hashes", "--no-header", "--no-annotate"]
    done = subprocess.run([*command, *chosen], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = (line.removeprefix("-e ").strip() for line in done.stdout.splitlines())
    return {
        normal(project(ROOT / line)["name"] if line.startswith("./") else NAME.match(line)[0])
        for line in lines
        if line and not line.startswith("#")
    }


@cache
def project(folder: Path) -> dict:
    return tomllib.loads((folder / "pyproject.toml").read_text())["project"]


@cache
def members() -> dict[str, dict]:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    return {p["name"]: p for p in (project(ROOT / m) for m in listed["members"])}


@cache
def declared(image: str) -> set[str]:
    """Return the declared dependencies of the image's packages and their workspace packages."""
    todo = [(p, tuple(given(image, "--extra"))) for p in given(image, "--package")]
    found: set[str] = set()
    while todo:
        name, extras = todo.pop()
        found.add(name)
        description = members()[name]
        optional = description.get("optional-dependencies", {})
        wanted = [*description["dependencies"], *(r for e in extras for r in optional.get(e, []))]
        for requirement in wanted:
            below = normal(NAME.match(requirement)[0])
            found.add(below)
            if below in members():
                extra = re.search(r"\[(.+?)\]", requirement)
                todo.append((below, tuple(extra[1].split(",")) if extra else ()))
    return found


@every_image
def test_an_image_contains_the_locked_dependencies_of_its_packages(image: str):
    assert {"--frozen", "--no-dev", "--no-editable"} <= set(sync(image))
    assert declared(image) <= installed(image)


@every_image
def test_an_image_contains_no_other_workspace_package_and_no_build_tools(image: str):
    ours = {name for name in installed(image) if name.startswith("mlplatform-")}
    assert ours == {name for name in declared(image) if name.startswith("mlplatform-")}
    assert not installed(image) & BUILD_TOOLS


def test_serving_images_do_not_contain_training_libraries():
    for image in ("api-gateway", "inference-service", "feature-transformer"):
        assert not installed(image) & {"ray", "mlflow", "kfp", "scikit-learn", "optuna"}, image


def test_the_release_controller_has_no_code_of_training():
    assert not installed("release-controller") & {
        "mlplatform-training",
        "ray",
        "kfp",
        "optuna",
        "feast",
    }


def test_ray_nodes_and_drivers_have_the_same_version():
    locked = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    assert len({p["version"] for p in locked if p["name"] == "ray"}) == 1
    assert "ray" in installed("ray") & installed("training")


@every_image
def test_an_image_has_no_privileges_compiler_or_secrets(image: str):
    text = instructions(image)
    final = text.rpartition("\nFROM ")[2]
    assert final.startswith("${RUNTIME_IMAGE}")
    assert not re.search(r"^(RUN|ADD)\b", final, re.MULTILINE)
    assert set(re.findall(r"^USER (.+)", final, re.MULTILINE)) == {"10001:10001"}
    assert re.search(r"^HEALTHCHECK ", final, re.MULTILINE)
    assert 'org.opencontainers.image.revision="${GIT_SHA}"' in final
    assert re.search(rf"^CMD .*{PROGRAMS[image]}|^CMD .*ray", final, re.MULTILINE)
    base = (ROOT / "images" / "base.Dockerfile").read_text()
    runtime = base.partition(" AS runtime")[2].partition("\nFROM ")[0]
    assert "USER 10001:10001" in runtime
    assert "apt-get" not in runtime


@every_image
def test_a_build_argument_adds_use_cases_to_every_image(image: str):
    assert 'ARG USE_CASE_PACKAGES=""' in instructions(image)
    assert "images/add-use-cases ${USE_CASE_PACKAGES}" in instructions(image)


def test_every_image_that_is_built_is_pushed():
    text = (ROOT / "scripts" / "push-images").read_text()
    (pushed,) = re.findall(r"images=\(([a-z -]+)\)", text)
    assert set(pushed.split()) == set(dockerfiles())


def test_the_images_are_those_of_the_manifests():
    files = [f for p in ("*/deploy", "*/*/deploy") for d in ROOT.glob(p) for f in d.rglob("*.yaml")]
    named = set()
    for file in files:
        named |= set(re.findall(r"image: mlplatform/([a-z-]+)", file.read_text()))
    assert named == set(dockerfiles())


def test_the_build_context_has_the_sources_and_no_state():
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in kept
    for name in ("pyproject.toml", "uv.lock", "libs", "images", "model-serving"):
        assert f"!{name}" in kept
    assert not {"!.git", "!.platform", "!.tools", "!config"} & set(kept)


def use_case_wheel(folder: Path, requires: str = "") -> Path:
    """Write the wheel of a package with one use case."""
    info = "acme_tickets-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: acme-tickets\nVersion: 1.0\n{requires}"
    content = {
        "acme_tickets.py": "class Tickets:\n    name = 'tickets'\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[mlplatform.use_cases]\ntickets = acme_tickets:Tickets\n",
    }
    wheel = folder / "acme_tickets-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name, text in content.items():
            archive.writestr(name, text)
        record = "".join(f"{name},,\n" for name in [*content, f"{info}/RECORD"])
        archive.writestr(f"{info}/RECORD", record)
    return wheel


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with an environment that sees the packages of this one, as in an image."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / ".venv"], check=True)
    (site,) = (tmp_path / ".venv" / "lib").glob("python*/site-packages")
    ours = [p for p in sys.path if p and Path(p).is_dir()]
    (site / "platform.pth").write_text("\n".join(ours))
    return tmp_path


def add_use_cases(checkout: Path, *packages: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{UV.parent}{os.pathsep}{os.environ['PATH']}", "UV_OFFLINE": "1"}
    environment |= {"HOME": str(checkout), "TMPDIR": str(checkout)}
    script = ROOT / "images" / "add-use-cases"
    return subprocess.run(
        [script, *packages],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_additional_wheel_adds_its_use_case(checkout: Path):
    done = add_use_cases(checkout, str(use_case_wheel(checkout)))
    assert done.returncode == 0, done.stderr
    assert "tickets" in done.stdout.split("use cases:")[1].split()


def test_without_packages_nothing_is_installed(checkout: Path):
    assert add_use_cases(checkout).stdout == ""


def test_a_package_with_missing_dependencies_fails_the_build(checkout: Path):
    wheel = use_case_wheel(checkout, "Requires-Dist: no-such-package-of-acme>=3\n")
    done = add_use_cases(checkout, str(wheel))
    assert done.returncode != 0
    assert "no-such-package-of-acme" in done.stderr


@pytest.mark.parametrize(
    ("settings", "code", "reason"),
    [
        ({}, 2, "IMAGE_TAG is missing"),
        ({"IMAGE_TAG": "a b"}, 2, "is not a valid tag"),
        ({"IMAGE_TAG": "1.0", "IMAGES": "moon"}, 2, "there is no image moon"),
    ],
)
def test_usage_errors_of_build_images_are_explained(settings: dict, code: int, reason: str):
    images = settings.pop("IMAGES", "").split()
    done = subprocess.run(
        [ROOT / "scripts" / "build-images", *images], env={"PATH": os.environ["PATH"], **settings},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, reason in done.stderr) == (code, True)


def test_digests_replace_the_tag_of_the_build(tmp_path: Path):
    digest, file = f"sha256:{'a' * 64}", tmp_path / "images.json"
    build = {"registry": "r.example", "tag": "1.4", "images": {"mlplatform/ray": digest}}
    file.write_text(json.dumps(build))
    text = "image: r.example/mlplatform/ray:1.4\nother: r.example/mlplatform/ray:1.40\n"
    assert pinned(text, "r.example", "1.4", file) == (
        f"image: r.example/mlplatform/ray@{digest}\nother: r.example/mlplatform/ray:1.40\n"
    )
    assert pinned(text, "r.example", "1.5", file) == text
    assert pinned(text, "other.example", "1.4", file) == text
    assert pinned(text, "r.example", "1.4", tmp_path / "absent.json") == text


def test_workflows_pin_their_actions_and_have_no_secrets():
    for file in (ROOT / ".github" / "workflows").glob("*.yml"):
        text = file.read_text()
        uses = re.findall(r"uses: (\S+)(.*)", text)
        loose = [
            u for u, _ in uses if not re.search(r"@[0-9a-f]{40}$", u) and not u.startswith("./")
        ]
        assert loose == [], file.name
        assert all(re.match(r" # v\d", c) for u, c in uses if not u.startswith("./")), file.name
        assert "secrets." not in text, file.name
        workflow = yaml.safe_load(text)
        assert workflow["permissions"] == {"contents": "read"}, file.name
        for job in workflow["jobs"].values():
            allowed = {"contents": "read", "id-token": "write"}
            assert job.get("permissions", {}).items() <= allowed.items()


def test_workflows_call_existing_targets_and_scripts():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    for file in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        text = file.read_text()
        called = re.findall(r"(?:run:|&&|contract-keys) (?:\S+ )?make ([a-z][a-z -]*[a-z])", text)
        assert {word for line in called for word in line.split()} - targets == set(), file.name
        scripts = set(re.findall(r"\bscripts/[\w-]+", text))
        assert {name for name in scripts if not os.access(ROOT / name, os.X_OK)} == set(), file.name
