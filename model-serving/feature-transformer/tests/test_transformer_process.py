"""The transformer as its own process, in front of a V2 server that is not ours."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from platform_core.open_inference import batch_from_tensors
from platform_core.testing.processes import free_port
from scoring import Scorer
from use_cases import model_schema, number_block, use_case


class PlainServer(ThreadingHTTPServer):
    """Answers V2 inference with a graph and nothing else, unless it is told otherwise."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.scorers: dict[str, Scorer] = {}
        self.reset()

    def reset(self) -> None:
        self.parameters: list[dict] = []
        self.failure: tuple[int, bytes] | None = None
        self.requests: list[dict] = []

    def answer(self, name: str, request: dict) -> bytes:
        features = batch_from_tensors(request["inputs"], model_schema(use_case(name)).arrow)
        probabilities = self.scorers[name].score_features(features).probabilities
        output = {
            "name": "probabilities",
            "datatype": "FP32",
            "shape": list(probabilities.shape),
            "data": probabilities.ravel().tolist(),
        }
        answer = {"model_name": name, "id": "x", "outputs": [output]}
        if self.parameters:
            answer["parameters"] = self.parameters.pop(0)
        return json.dumps(answer).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.reply(200, b'{"name": "plain", "version": "1", "extensions": []}')

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append(request)
        if self.server.failure:
            self.reply(*self.server.failure)
        else:
            self.reply(200, self.server.answer(self.path.split("/")[3], request))

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def releases(home, make_release):
    made = {name: make_release(home.store, name) for name in ("iris", "spam")}
    for name, release in made.items():
        home.point(name, release.id, model_version="5")
    return made


@pytest.fixture(scope="module")
def plain_server(releases):
    with PlainServer() as server:
        server.scorers = {n: Scorer(r, use_case(n)) for n, r in releases.items()}
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def transformer(home, plain_server):
    settings = {"PREDICTOR_URL": plain_server.url, "PREDICTOR_TIMEOUT_SECONDS": "5"}
    with home.serve("feature_transformer", "TRANSFORMER", **settings) as server:
        yield server


@pytest.fixture
def predictor(plain_server):
    plain_server.reset()
    return plain_server


@pytest.fixture
def deployed(home, releases, transformer, predictor):
    """Both use cases as they were at the start."""
    for name, release in releases.items():
        home.point(name, release.id, model_version="5")
        assert transformer.load(name).status_code == 200
    return releases


def golden(name):
    return use_case(name).golden_records()


@pytest.mark.parametrize("name", ["iris", "spam"])
def test_records_become_features_and_probabilities_become_decisions(
    transformer, predictor, deployed, name
):
    case, release = use_case(name), deployed[name]
    expected = Scorer(release, case).score(golden(name))

    answer = transformer.infer(name, golden(name), parameters={"return_features": True}).json()

    got = {tensor["name"]: tensor["data"] for tensor in answer["outputs"]}
    np.testing.assert_allclose(got["probabilities"], expected.probabilities.ravel(), atol=1e-6)
    assert got["prediction"] == expected.predictions.to_pylist()
    assert answer["parameters"] == {
        "release_id": release.id,
        "model_version": "5",
        "degraded": False,
    }
    numbers = number_block(expected.features)
    np.testing.assert_allclose(got["features"], numbers.ravel(), atol=1e-6)


def test_the_predictor_gets_a_tensor_per_text_and_one_block_of_numbers(
    transformer, predictor, deployed
):
    transformer.infer("spam", golden("spam"))

    (request,) = predictor.requests
    rows, numbers = golden("spam").num_rows, model_schema(use_case("spam")).numbers
    shapes = [(t["name"], t["shape"]) for t in request["inputs"]]
    assert shapes == [("text", [rows, 1]), ("numbers", [rows, len(numbers)])]


def test_it_follows_a_predictor_that_names_another_release(
    transformer, predictor, deployed, home, make_release
):
    other = make_release(home.store, "iris", 1)
    predictor.parameters = [{"release_id": other.id, "model_version": "6"}]

    answer = transformer.infer("iris", golden("iris")).json()

    assert answer["parameters"]["release_id"] == other.id
    assert answer["parameters"]["model_version"] == "6"
    assert transformer.serves("iris") == other.id
    assert len(predictor.requests) == 1


def test_while_a_predictor_is_rolled_out_each_answer_is_of_one_release(
    transformer, predictor, deployed, home, make_release
):
    other = make_release(home.store, "iris", 1)
    replicas = [other.id, deployed["iris"].id, other.id]
    predictor.parameters = [{"release_id": release_id} for release_id in replicas]

    answers = [transformer.infer("iris", golden("iris")).json() for _ in replicas]

    assert [answer["parameters"]["release_id"] for answer in answers] == replicas


def test_a_release_that_cannot_be_had_is_not_guessed_at(transformer, predictor, deployed):
    predictor.parameters = [{"release_id": "f" * 32}]

    answer = transformer.infer("iris", golden("iris"))

    assert answer.status_code == 503
    assert "no release ffff" in answer.json()["error"]
    assert transformer.serves("iris") == deployed["iris"].id
    assert transformer.infer("iris", golden("iris")).status_code == 200


@pytest.mark.parametrize(
    "failure",
    [
        (500, b"out of memory"),
        (400, b"unexpected input"),
        (503, b""),
        (200, b"not json"),
        (200, b"{}"),
        (200, b'{"outputs": [{"name": "probabilities", "data": [0.5]}]}'),
        (200, b'{"outputs": [{"name": "probabilities", "data": [0.2, NaN, 0.8]}]}'),
    ],
)
def test_a_predictor_in_trouble_is_unavailable(transformer, predictor, deployed, failure):
    predictor.failure = failure

    answer = transformer.infer("iris", golden("iris").slice(0, 1))

    assert answer.status_code == 503
    assert "predict" in answer.json()["error"] or "answered" in answer.json()["error"]


def test_releases_whose_golden_records_come_out_differently_are_refused(
    transformer, deployed, home, altered_release
):
    home.point("iris", altered_release)

    answer = transformer.load("iris")

    assert answer.status_code == 409
    assert "feature code has changed" in answer.json()["error"]
    assert transformer.serves("iris") == deployed["iris"].id


@pytest.fixture
def altered_release(home, releases):
    """A release that was built by other feature code; everything in it is consistent."""
    from platform_core.storage import release_path
    from scoring import Release, load_lineage, store_release

    release = releases["iris"]
    golden_records = release.manifest.golden
    rows = [{**row, "petal_width": row["petal_width"] * 2} for row in golden_records.features]
    manifest = release.manifest.model_copy(
        update={"golden": golden_records.model_copy(update={"features": tuple(rows)})}
    )
    other = Release(manifest, release.files)
    lineage = load_lineage(home.store, "iris", release.id)
    store_release(home.store, release_path("iris", other.id), other, lineage)
    return other.id


def test_it_starts_without_its_predictor_and_serves_what_it_may(home, releases, altered_release):
    home.point("iris", altered_release)
    settings = {"PREDICTOR_URL": f"http://127.0.0.1:{free_port()}"}

    with home.serve("feature_transformer", "TRANSFORMER", **settings) as server:
        assert server.get("/v2/models/iris").status_code == 503
        answer = server.infer("spam", golden("spam"))
        assert answer.status_code == 503
        assert "does not answer" in answer.json()["error"]
        assert server.serves("spam") == releases["spam"].id
