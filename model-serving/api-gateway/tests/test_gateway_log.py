"""The inference log as a caller and the monitoring see it."""

import asyncio
from pathlib import Path

import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.errors import UpstreamUnavailable
from records import log_columns
from use_cases import model_schema, number_block, use_case

FLUSH = "/admin/inference-log/flush"


class FlakyStore(LocalBlobStore):
    """A store that cannot be reached while `down`."""

    down = False
    attempts = 0

    def write(self, path: str, data: bytes) -> None:
        self.attempts += 1
        if self.down:
            raise UpstreamUnavailable("the store is down")
        super().write(path, data)


@pytest.fixture
def flaky(tmp_path: Path) -> FlakyStore:
    return FlakyStore(tmp_path / "flaky")


def objects(store: LocalBlobStore) -> list[str]:
    return [blob.path for blob in store.list("inference-logs")]


async def test_every_answer_has_a_record_with_what_it_saw(running, scorers, spam) -> None:
    headers = {"X-Request-ID": "my-request", "X-Purpose": "smoke"}
    answer = (await running.predict(headers=headers)).json()
    (row,) = await running.logged()
    assert set(row) == set(log_columns(use_case("spam")).schema.names)
    assert row["prediction_id"] == answer["prediction_id"]
    assert row["request_id"] == "my-request"
    assert row["time"] == running.clock.now()
    assert row["release_id"] == answer["release_id"]
    assert row["prediction"] == answer["prediction"]
    assert row["purpose"] == "smoke"
    assert row["latency_ms"] == answer["latency_ms"]
    assert row["probability.spam"] == answer["spam_probability"]
    case = use_case("spam")
    features = scorers["spam"].score(case.columns([case.record.model_validate(spam)])).features
    assert row["features"] == number_block(features)[0].tolist()
    assert len(row["features"]) == len(model_schema(case).numbers)


async def test_what_the_use_case_hides_is_nowhere_on_disk(running, tmp_path) -> None:
    mail = {"email_id": "1", "subject": "", "body": "", "sender": "jane.doe@test.com"}
    assert (await running.predict(mail)).status_code == 200
    spooled = b"".join(file.read_bytes() for file in running.spool.glob("*.log"))
    assert b"***@test.com" in spooled
    assert b"jane" not in spooled
    (row,) = await running.logged()
    assert row["input.sender"] == "***@test.com"


async def test_a_flower_is_logged_with_its_columns(running, iris) -> None:
    await running.predict(iris, "/models/iris/predict", headers={"X-Environment": "production"})
    (row,) = await running.logged("iris", "production")
    assert row["input.sepal_length"] == pytest.approx(5.1)
    assert row["features"] == pytest.approx([5.1, 3.5, 1.4, 0.2])
    assert row["purpose"] == "live"


async def test_refused_requests_have_no_record(running) -> None:
    await running.predict({"email_id": "1"})
    await running.predict(headers={"X-Environment": "moon"})
    assert await running.logged() == []


async def test_a_flush_says_what_it_uploaded_and_leaves_nothing_behind(running) -> None:
    for _ in range(3):
        await running.predict()
    flushed = await running.ask("POST", FLUSH, "admin")
    assert flushed.json() == {"segments": 1, "records": 3}
    assert list(running.spool.glob("*.log")) == []
    assert len(objects(running.store)) == 1
    again = await running.ask("POST", FLUSH, "admin")
    assert again.json() == {"segments": 0, "records": 0}


async def test_one_segment_is_one_object(serve) -> None:
    running = await serve(spool_segment_records=2)
    for _ in range(5):
        await running.predict()
    assert len(await running.logged()) == 5
    assert len(objects(running.store)) == 3


async def test_what_cannot_be_uploaded_stays_and_is_uploaded_later(serve, flaky) -> None:
    running = await serve(store=flaky)
    flaky.down = True
    await running.predict()
    response = await running.ask("POST", FLUSH, "admin")
    assert response.status_code == 503
    assert response.json()["code"] == "upstream-unavailable"
    assert len(list(running.spool.glob("*.log"))) == 1
    assert (await running.predict()).status_code == 200
    flaky.down = False
    running.store = flaky
    assert len(await running.logged()) == 2
    assert list(running.spool.glob("*.log")) == []


async def test_the_background_task_uploads_by_itself(serve, flaky) -> None:
    running = await serve(store=flaky, spool_segment_records=1)
    before = flaky.attempts
    await running.predict()
    async with asyncio.timeout(10):
        while not objects(flaky):
            await asyncio.sleep(0.02)
    assert flaky.attempts == before + 1


async def test_an_upload_that_is_repeated_overwrites_itself(serve, tmp_path) -> None:
    running = await serve()
    await running.predict()
    (segment,) = running.spool.glob("*.log")
    content = segment.read_bytes()
    assert len(await running.logged()) == 1
    # As if the process had died between the upload and the removal of the file.
    second = tmp_path / "second"
    second.mkdir()
    (second / segment.name).write_bytes(content)
    running = await serve(spool_folder=second)
    assert len(await running.logged()) == 1
    assert len(objects(running.store)) == 1


async def test_a_segment_of_an_unknown_use_case_is_set_aside(serve, tmp_path, running) -> None:
    await running.predict()
    (segment,) = running.spool.glob("*.log")
    folder = tmp_path / "other"
    folder.mkdir()
    name = segment.name.replace("spam", "forgotten")
    (folder / name).write_bytes(segment.read_bytes())
    other = await serve(spool_folder=folder)
    await other.predict()
    assert len(await other.logged()) == 1
    assert [file.name for file in (folder / "rejected").iterdir()] == [name]


async def test_without_a_log_there_is_no_answer(running) -> None:
    running.spool.rename(running.spool.with_name("gone"))
    response = await running.predict()
    assert response.status_code == 503
    assert response.json()["code"] == "inference-log-unavailable"
    assert int(response.headers["retry-after"]) >= 1
    health = (await running.client.get("/health")).json()
    assert health["dependencies"]["inference-log"]["status"] == "unavailable"
    running.spool.with_name("gone").rename(running.spool)
    assert (await running.predict()).status_code == 200


async def test_without_a_log_the_gateway_is_not_ready_until_it_is_back(running) -> None:
    assert (await running.client.get("/health/ready")).status_code == 200
    gone = running.spool.rename(running.spool.with_name("gone"))
    assert (await running.predict()).status_code == 503
    ready = await running.client.get("/health/ready")
    assert ready.status_code == 503
    assert ready.json()["code"] == "inference-log-unavailable"
    gone.rename(running.spool)
    # No prediction is requested meanwhile.
    async with asyncio.timeout(10):
        while (await running.client.get("/health/ready")).status_code != 200:
            await asyncio.sleep(0.05)
    health = (await running.client.get("/health")).json()
    assert health["dependencies"]["inference-log"]["status"] == "ok"


async def test_a_log_that_is_down_is_noticed_before_the_first_request(running) -> None:
    running.spool.rename(running.spool.with_name("gone"))
    assert (await running.client.get("/health/ready")).status_code == 503


async def test_callers_do_not_learn_where_the_spool_is(running, caplog) -> None:
    running.spool.rename(running.spool.with_name("gone"))
    answers = [await running.predict()]
    answers += [await running.client.get(path) for path in ("/health", "/health/ready")]
    for answer in answers:
        assert "spool cannot be written: No such file or directory" in answer.text
        assert str(running.spool.parent) not in answer.text
    assert str(running.spool) in caplog.text


async def test_a_log_that_is_down_comes_before_the_limit(serve) -> None:
    running = await serve(rate_limit="1/day")
    running.spool.rename(running.spool.with_name("gone"))
    assert [(await running.predict()).status_code for _ in range(2)] == [503, 503]


async def test_answers_may_go_unlogged_where_that_is_wanted_and_are_counted(serve) -> None:
    running = await serve(answer_unlogged=True)
    running.spool.rename(running.spool.with_name("gone"))
    assert (await running.predict()).status_code == 200
    assert (await running.client.get("/health/ready")).status_code == 200
    metrics = (await running.client.get("/metrics")).text
    assert "gateway_unlogged_answers_total 1.0" in metrics
