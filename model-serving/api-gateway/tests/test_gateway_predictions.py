"""`/predictions`: passports, and search over what was logged."""

from datetime import timedelta
from typing import Any

import pytest

from api_gateway.predictions.replay import Replays
from platform_core.contracts.environments import Environment
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id
from platform_core.storage import RELEASE_FILE, release_path

MAIL = {"subject": "Meeting tomorrow", "body": "Hi, can we meet?", "sender": "jane@company.com"}


@pytest.fixture
async def searching(serve) -> Any:
    return await serve(record_search_text=True)


async def predict(running: Any, **fields: str) -> dict[str, Any]:
    response = await running.predict({**MAIL, "email_id": "1", **fields})
    assert response.status_code == 200, response.text
    return response.json()


async def found(running: Any, **query: Any) -> list[str]:
    response = await running.ask("GET", "/predictions", params={"use_case": "spam", **query})
    assert response.status_code == 200, response.text
    return [one["prediction_id"] for one in response.json()["predictions"]]


@pytest.mark.parametrize("uploaded", [False, True])
async def test_a_passport_has_record_lineage_and_labels(
    running, releases, activate, uploaded
) -> None:
    activate(running.store, releases["spam"], Environment.STAGING)
    one = (await predict(running))["prediction_id"]
    label = {"use_case": "spam", "prediction_id": one, "label": "spam"}
    await running.ask("POST", "/feedback", json=label)
    running.clock.advance(timedelta(minutes=1))
    await running.ask("POST", "/feedback", json={**label, "label": "ham"})
    if uploaded:
        await running.logged()
    passport = (await running.ask("GET", f"/predictions/{one}")).json()
    assert passport["record"]["prediction_id"] == one
    assert passport["record"]["input"]["sender"] == "***@company.com"
    assert set(passport["record"]["probabilities"]) == {"ham", "spam"}
    assert passport["lineage"]["dataset_version"] == "d" * 16
    assert passport["lineage"]["release_id"] == passport["record"]["release_id"]
    assert [label["label"] for label in passport["labels"]] == ["ham", "spam"]
    assert passport["labels"][0]["said_by"] == "test-operator"


async def test_a_replay_computes_the_same_again(
    running, releases, activate, monkeypatch, tmp_path
) -> None:
    activate(running.store, releases["spam"], Environment.STAGING)
    monkeypatch.setenv("BLOB_STORE_URL", running.store.uri("models/x").removesuffix("/models/x"))
    one = (await predict(running))["prediction_id"]
    passport = (await running.ask("GET", f"/predictions/{one}?replay=true")).json()
    replay = passport["replay"]
    assert (replay["rows"], replay["predictions"], replay["problem"]) == (1, 0, None)
    assert set(replay["probabilities"]) == {"ham", "spam"}
    assert max(*replay["probabilities"].values(), *replay["features"].values()) < 1e-6


async def test_a_replay_without_its_release_says_so(running, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("BLOB_STORE_URL", f"file://{tmp_path}/empty")
    one = (await predict(running))["prediction_id"]
    replay = (await running.ask("GET", f"/predictions/{one}?replay=true")).json()["replay"]
    assert replay["rows"] == 0
    assert "release" in replay["problem"]


async def test_a_replay_that_takes_too_long_ends(running) -> None:
    one = (await predict(running))["prediction_id"]
    record = (await running.gateway.records.find(one)).answer
    replay = await Replays(seconds=0.01).replay(record)
    assert replay.problem == "not finished after 0.01 s"


async def test_an_unknown_prediction_is_404(running) -> None:
    for name in ("p1", new_prediction_id(milliseconds(running.clock.now()))):
        response = await running.ask("GET", f"/predictions/{name}")
        assert (response.status_code, response.json()["code"]) == (404, "prediction-not-found")


async def test_an_erased_prediction_is_410(running) -> None:
    one = (await predict(running))["prediction_id"]
    await running.logged()
    index = await running.gateway.records.current()
    index.erase([one])
    response = await running.ask("GET", f"/predictions/{one}")
    assert (response.status_code, response.json()["code"]) == (410, "prediction-erased")
    label = {"use_case": "spam", "prediction_id": one, "label": "spam"}
    sent = (await running.ask("POST", "/feedback", json=label)).json()
    assert [rejected["code"] for rejected in sent["rejected"]] == ["erased"]
    assert await found(running) == []


async def test_a_viewer_sees_no_predictions(running) -> None:
    for path in ("/predictions?use_case=spam", "/predictions/p1"):
        assert (await running.ask("GET", path, "viewer")).status_code == 403


async def test_search_finds_words_predictions_labels_releases_and_times(searching) -> None:
    first = await predict(searching, email_id="a")
    searching.clock.advance(timedelta(minutes=1))
    second = await predict(searching, email_id="b", body="Über cheap watches")
    await searching.logged()
    label = {"use_case": "spam", "prediction_id": first["prediction_id"], "label": "ham"}
    await searching.ask("POST", "/feedback", json=label)
    a, b = first["prediction_id"], second["prediction_id"]
    now = searching.clock.now().isoformat()
    assert await found(searching) == [b, a]
    assert await found(searching, q="meeting") == [b, a]
    assert await found(searching, q="WATCHES uber") == [b]
    assert await found(searching, q="jane") == []
    assert await found(searching, q="company") == [b, a]
    assert await found(searching, label="ham") == [a]
    assert await found(searching, label="spam") == []
    assert await found(searching, release_id="0" * 32) == []
    assert set(await found(searching, prediction=first["prediction"])) >= {a}
    assert await found(searching, **{"from": now}) == [b]
    assert await found(searching, to=now) == [a]
    assert await found(searching, environment="staging") == [b, a]
    assert await found(searching, environment="production") == []


async def test_the_beginning_of_a_release_id_finds_its_predictions(
    searching, releases, activate
) -> None:
    activate(searching.store, releases["spam"], Environment.STAGING)
    release_id = releases["spam"].id
    one = (await predict(searching))["prediction_id"]
    await searching.logged()
    for given in (release_id[:8], release_id[:31], release_id):
        assert await found(searching, release_id=given) == [one]
    similar = f"{release_id[:8]}{'0' * 24}"
    searching.store.write(release_path("spam", similar, RELEASE_FILE), b"{}")
    for given, said in ((release_id[:8], "several releases"), ("0" * 8, "there is no release")):
        query = {"use_case": "spam", "release_id": given}
        refused = await searching.ask("GET", "/predictions", params=query)
        assert refused.status_code == 422
        (error,) = refused.json()["errors"]
        assert error["field"] == "release_id"
        assert said in error["detail"]


async def test_wrong_answers_have_a_label_that_differs_from_their_prediction(searching) -> None:
    answers = [await predict(searching) for _ in range(3)]
    await searching.logged()
    (answer,) = {one["prediction"] for one in answers}
    right, wrong, _ = (one["prediction_id"] for one in answers)
    other = next(one for one in ("ham", "spam") if one != answer)
    for one, label in ((right, answer), (wrong, other)):
        sent = {"use_case": "spam", "prediction_id": one, "label": label}
        await searching.ask("POST", "/feedback", json=sent)
    assert await found(searching, wrong="true") == [wrong]
    assert len(await found(searching, wrong="false")) == 3


async def test_pages_follow_each_other(searching) -> None:
    ids = [(await predict(searching))["prediction_id"] for _ in range(5)]
    await searching.logged()
    seen, cursor = [], {}
    for size in (2, 2, 1):
        query = {"use_case": "spam", "limit": 2, **cursor}
        page = (await searching.ask("GET", "/predictions", params=query)).json()
        assert len(page["predictions"]) == size
        seen += [one["prediction_id"] for one in page["predictions"]]
        cursor = {"cursor": page["cursor"]}
    assert cursor == {"cursor": None}
    assert seen == sorted(ids, reverse=True)


async def test_without_the_setting_only_the_id_of_a_record_is_searched(running) -> None:
    one = (await predict(running, email_id="order-77"))["prediction_id"]
    await running.logged()
    assert await found(running, q="order-77") == [one]
    assert await found(running, q="meeting") == []
    page = (await running.ask("GET", "/predictions", params={"use_case": "spam"})).json()
    assert page["searches_text"] is False


HOSTILE = ['"', 'a" OR 1=1 --', "texts:a*", "NEAR(a b)", "a AND", "^(a", "'; drop table records"]


@pytest.mark.parametrize("q", HOSTILE)
async def test_search_operators_are_treated_as_words(searching, q) -> None:
    await predict(searching)
    await searching.logged()
    query = {"use_case": "spam", "q": q}
    response = await searching.ask("GET", "/predictions", params=query)
    if response.status_code == 200:
        assert response.json() == {"predictions": [], "cursor": None, "searches_text": True}
    else:
        assert (response.status_code, response.json()["code"]) == (422, "invalid-input")
    assert len(await found(searching)) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"q": ""},
        {"limit": 0},
        {"limit": 101},
        {"cursor": "x"},
        {"from": "noon"},
        {"to": "2026-01-05"},
        {"environment": "qa"},
        {"wrong": "yes"},
        {"release_id": "abc"},
        {"release_id": "not-an-id"},
        {"from": "0001-01-01T00:00:00+14:00"},
        {"to": "9999-12-31T23:59:59-14:00"},
        {"from": "2026-01-05T12:00:01Z", "to": "2026-01-05T13:00:00+01:00"},
    ],
)
async def test_an_invalid_query_is_422(running, query) -> None:
    response = await running.ask("GET", "/predictions", params={"use_case": "spam", **query})
    assert response.status_code == 422


async def test_an_unknown_use_case_is_404(running) -> None:
    response = await running.ask("GET", "/predictions", params={"use_case": "none"})
    assert response.status_code == 404


async def test_a_damaged_index_is_built_again(searching) -> None:
    one = (await predict(searching))["prediction_id"]
    await searching.logged()
    assert await found(searching) == [one]
    searching.gateway.settings.record_index_file.write_bytes(b"this is not a database" * 1000)
    query = {"use_case": "spam"}
    assert (await searching.ask("GET", "/predictions", params=query)).status_code == 503
    assert await found(searching) == [one]
