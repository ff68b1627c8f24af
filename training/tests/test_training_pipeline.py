import copy
import json
from pathlib import Path

import pytest
import yaml
from google.protobuf import json_format
from pydantic import ValidationError

from platform_core.errors import ConfigurationError, InvalidData
from training.parameters import RunParameters, RunRequest
from training.pipeline.compile import compile_pipeline
from training.pipeline.definition import pipeline
from training.steps import STEPS

IMAGE = "registry.example/mlplatform/training@sha256:" + "0" * 64
OUTSIDE = {"prepare-data", "release", "stage"}
TYPES = {"Dataset", "Model", "Metrics", "ClassificationMetrics", "HTML"}


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


def test_steps_that_read_or_change_what_is_outside_the_run_are_never_cached(ir: dict) -> None:
    tasks = ir["root"]["dag"]["tasks"]
    cached = {n for n, t in tasks.items() if t["cachingOptions"].get("enableCache", False)}
    assert cached == set(STEPS) - OUTSIDE


def test_nothing_that_differs_from_run_to_run_is_an_input_of_a_step(ir: dict) -> None:
    for name in STEPS:
        given = ir["components"][f"comp-{name}"]["inputDefinitions"]["parameters"]
        assert set(given) <= {"use_case", "parameters"}, name
    assert "{{$.pipeline_job" not in json.dumps(ir)


def test_there_is_one_process_per_step(ir: dict) -> None:
    assert len(ir["deploymentSpec"]["executors"]) == len(STEPS) == 6


def test_every_edge_between_steps_is_a_typed_artifact(ir: dict) -> None:
    edges = 0
    for name, task in ir["root"]["dag"]["tasks"].items():
        inputs = task["inputs"]
        for value in inputs["parameters"].values():
            assert set(value) == {"componentInputParameter"}, name
        sources = [i["taskOutputArtifact"] for i in inputs.get("artifacts", {}).values()]
        assert {source["producerTask"] for source in sources} == set(task.get("dependentTasks", []))
        for source in sources:
            made = ir["components"][f"comp-{source['producerTask']}"]["outputDefinitions"]
            kind = made["artifacts"][source["outputArtifactKey"]]["artifactType"]["schemaTitle"]
            assert kind.removeprefix("system.") in TYPES
            edges += 1
    assert edges == 8


def test_the_page_of_a_run_shows_metrics_curves_report_and_card(ir: dict) -> None:
    made = {
        (step, name): output["artifactType"]["schemaTitle"].removeprefix("system.")
        for step in STEPS
        for name, output in ir["components"][f"comp-{step}"]["outputDefinitions"][
            "artifacts"
        ].items()
    }
    assert made == {
        ("prepare-data", "dataset"): "Dataset",
        ("features", "features"): "Dataset",
        ("features", "report"): "HTML",
        ("train", "model"): "Model",
        ("train", "search"): "Metrics",
        ("evaluate", "graph"): "Model",
        ("evaluate", "metrics"): "Metrics",
        ("evaluate", "curves"): "ClassificationMetrics",
        ("release", "release"): "Model",
        ("release", "card"): "HTML",
        ("stage", "staged"): "Model",
        ("stage", "check"): "Metrics",
    }
    assert not any(
        "parameters" in ir["components"][f"comp-{step}"]["outputDefinitions"] for step in STEPS
    )


def test_no_step_installs_anything_at_run_time(ir: dict) -> None:
    for executor in ir["deploymentSpec"]["executors"].values():
        assert "pip install" not in " ".join(executor["container"]["command"])


def test_the_order_is_the_one_of_the_design(ir: dict) -> None:
    tasks = ir["root"]["dag"]["tasks"]

    def before(name: str) -> set[str]:
        direct = set(tasks[name].get("dependentTasks", []))
        return direct.union(*(before(task) for task in direct)) if direct else set()

    assert before("release") == {"prepare-data", "features", "train", "evaluate"}
    assert before("stage") == set(STEPS) - {"stage"}


def test_the_parameters_are_the_ones_of_a_local_run(ir: dict) -> None:
    inputs = set(ir["root"]["inputDefinitions"]["parameters"])
    request = RunRequest(use_case="spam")
    assert inputs == set(request.arguments())
    default = ir["root"]["inputDefinitions"]["parameters"]["parameters"]["defaultValue"]
    assert RunParameters(**default) == request.parameters


def test_the_parameters_of_a_run_are_the_fields_of_one_model(ir: dict) -> None:
    """A new field reaches the pipeline and the lineage without any other change."""
    default = ir["root"]["inputDefinitions"]["parameters"]["parameters"]["defaultValue"]
    assert set(default) == set(RunParameters.model_fields)
    assert set(RunParameters().public()) == set(RunParameters.model_fields)
    assert all(field.description for field in RunParameters.model_fields.values())


def test_lineage_keeps_an_address_without_its_credentials() -> None:
    given = RunParameters(data="https://me:secret@example.com/mail.csv?token=secret")
    assert given.public()["data"] == "https://example.com/mail.csv"
    assert RunParameters(**given.public()).rows == given.rows


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
    with pytest.raises(InvalidData, match="COLUMNS needs DATA"):
        RunParameters(columns="body=text")


@pytest.mark.parametrize(
    "wrong", [{"trials": -1}, {"rows": 5}, {"seed": -1}, {"budget_minutes": -1.0}, {"trails": 4}]
)
def test_parameters_out_of_range_or_unknown_are_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        RunParameters(**wrong)


def test_a_malformed_mapping_is_refused_before_anything_runs() -> None:
    with pytest.raises(InvalidData, match="COLUMNS"):
        RunParameters(columns="body")
