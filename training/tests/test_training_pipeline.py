import copy
import json
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from pydantic import ValidationError

from platform_core.errors import ConfigurationError, InvalidData
from training.pipeline.compile import compile_pipeline
from training.pipeline.definition import pipeline
from training.pipeline.parameters import RunParameters
from training.steps.execute import STEPS

IMAGE = "registry.example/mlplatform/training@sha256:" + "0" * 64
EFFECTS = {"register", "deploy", "smoke"}


@pytest.fixture(scope="module")
def ir(tmp_path_factory) -> dict:
    with pytest.MonkeyPatch.context() as settings:
        settings.setenv("RAY_STEPS", "job")
        path = compile_pipeline(IMAGE, tmp_path_factory.mktemp("ir") / "pipeline.yaml")
    spec, platforms = yaml.safe_load_all(path.read_text())
    assert set(platforms["platforms"]) == {"kubernetes"}
    return spec


def test_the_compiled_pipeline_has_the_steps_that_run_locally(ir: dict) -> None:
    assert set(ir["root"]["dag"]["tasks"]) == set(STEPS)


def test_every_step_runs_in_the_given_image(ir: dict) -> None:
    executors = ir["deploymentSpec"]["executors"].values()
    assert {e["container"]["image"] for e in executors} == {IMAGE}


def test_steps_that_change_the_world_are_never_cached(ir: dict) -> None:
    tasks = ir["root"]["dag"]["tasks"]
    cached = {n for n, t in tasks.items() if t["cachingOptions"].get("enableCache", False)}
    assert cached == set(STEPS) - EFFECTS


def test_no_step_installs_anything_at_run_time(ir: dict) -> None:
    for executor in ir["deploymentSpec"]["executors"].values():
        assert "pip install" not in " ".join(executor["container"]["command"])


def test_the_order_is_the_one_of_the_design(ir: dict) -> None:
    tasks = ir["root"]["dag"]["tasks"]

    def before(name: str) -> set[str]:
        direct = set(tasks[name].get("dependentTasks", []))
        return direct.union(*(before(task) for task in direct)) if direct else set()

    assert before("gate") >= {"evaluate", "parity", "baseline", "release"}
    assert before("register") >= {"gate"}
    assert before("smoke") == set(STEPS) - {"smoke"}


def test_the_parameters_are_the_ones_of_a_local_run(ir: dict) -> None:
    inputs = set(ir["root"]["inputDefinitions"]["parameters"])
    assert inputs == set(RunParameters().arguments("spam", "run-1"))


def test_a_cluster_runs_what_a_laptop_runs(ir: dict) -> None:
    """The same graph, parameters, artifacts and code; only what surrounds a step differs."""
    here = json.loads(json_format.MessageToJson(pipeline(IMAGE).pipeline_spec))
    there = copy.deepcopy(ir)
    for executor in there["deploymentSpec"]["executors"].values():
        assert executor["container"].pop("env")
    assert here == there


@pytest.mark.parametrize("image", ["mlplatform/training", "registry:5000/mlplatform/training"])
def test_an_image_without_tag_or_digest_is_refused(image: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="TRAINING_IMAGE"):
        compile_pipeline(image, tmp_path / "pipeline.yaml")
    assert not (tmp_path / "pipeline.yaml").exists()


def test_a_mapping_without_a_file_is_refused() -> None:
    with pytest.raises(InvalidData, match="name it by DATA"):
        RunParameters(columns="body=text").arguments("spam", "run-1")


@pytest.mark.parametrize(
    "wrong", [{"trials": 0}, {"rows": 5}, {"seed": -1}, {"budget_minutes": -1.0}, {"trails": 4}]
)
def test_parameters_out_of_range_or_unknown_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        RunParameters(**wrong)


def test_a_malformed_mapping_is_refused_before_anything_runs() -> None:
    with pytest.raises(InvalidData, match="COLUMNS"):
        RunParameters(columns="body").arguments("spam", "run-1")
