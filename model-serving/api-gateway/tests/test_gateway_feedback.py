"""`POST /feedback`: what becomes of labels, and that they are there when the response is."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.contracts.prediction_ids import milliseconds, new_prediction_id
from platform_core.errors import UpstreamUnavailable
from platform_core.ports.blob_store import BlobInfo
from records import read_labels
from use_cases import use_case

NONE = {"accepted": 0, "pending": 0, "unchanged": 0, "replaced": 0, "rejected": []}


async def predicted(running: Any, count: int = 1) -> list[str]:
    """Return the ids of predictions whose records are in the blob store."""
    answers = [(await running.predict()).json() for _ in range(count)]
    await running.logged()
    return [answer["prediction_id"] for answer in answers]


async def send(running: Any, *labels: dict[str, Any], use_case: str = "spam") -> dict[str, Any]:
    body = {"use_case": use_case, "labels": list(labels)}
    response = await running.ask("POST", "/feedback", json=body)
    assert response.status_code == 202, response.text
    return response.json()


async def stored(running: Any) -> list[tuple[str, str]]:
    await running.logged()
    now = running.clock.now()
    table = read_labels(running.store, use_case("spam"), now - timedelta(days=60), now)
    return [(row["prediction_id"], row["label"]) for row in table.to_pylist()]


async def test_one_label_is_accepted_and_stored(running) -> None:
    (one,) = await predicted(running)
    body = {"use_case": "spam", "prediction_id": one, "label": "ham"}
    response = await running.ask("POST", "/feedback", json=body)
    assert response.status_code == 202
    assert response.json() == {**NONE, "accepted": 1}
    assert await stored(running) == [(one, "ham")]


async def test_the_same_label_twice_is_unchanged_and_stored_once(running) -> None:
    (one,) = await predicted(running)
    label = {"prediction_id": one, "label": "spam"}
    assert await send(running, label, label) == {**NONE, "accepted": 1, "unchanged": 1}
    assert await send(running, label) == {**NONE, "unchanged": 1}
    assert await stored(running) == [(one, "spam")]


async def test_a_correction_replaces_and_an_older_label_does_not(running) -> None:
    (one,) = await predicted(running)
    now = running.clock.now()
    earlier = (now - timedelta(hours=1)).isoformat()
    await send(running, {"prediction_id": one, "label": "spam"})
    older = {"prediction_id": one, "label": "ham", "known_at": earlier}
    assert await send(running, older) == {**NONE, "unchanged": 1}
    running.clock.advance(timedelta(minutes=1))
    assert await send(running, {"prediction_id": one, "label": "ham"}) == {**NONE, "replaced": 1}
    assert await stored(running) == [(one, "spam"), (one, "ham"), (one, "ham")]


async def test_a_label_may_come_before_its_record(running) -> None:
    early = new_prediction_id(milliseconds(running.clock.now()))
    label = {"prediction_id": early, "label": "ham"}
    assert await send(running, label) == {**NONE, "pending": 1}
    assert await send(running, label) == {**NONE, "unchanged": 1}
    assert await stored(running) == [(early, "ham")]


async def test_a_clock_that_is_set_back_loses_no_label(running) -> None:
    now = running.clock.now()
    made = new_prediction_id(milliseconds(now + timedelta(hours=1)))
    answer = await send(running, {"prediction_id": made, "label": "ham"})
    assert answer == {**NONE, "pending": 1}
    unlikely = new_prediction_id(milliseconds(now + timedelta(hours=3)))
    answer = await send(running, {"prediction_id": unlikely, "label": "ham"})
    assert [one["code"] for one in answer["rejected"]] == ["no-prediction-id"]


async def test_broken_labels_are_rejected_alone_and_with_a_reason(running) -> None:
    good, *_ = await predicted(running)
    now = running.clock.now()
    forgotten = new_prediction_id(milliseconds(now - timedelta(days=31)))
    answer = await send(
        running,
        {"prediction_id": good, "label": "ham"},
        {"prediction_id": good, "label": "Ham"},
        {"prediction_id": good, "label": 1},
        {"prediction_id": "p1", "label": "ham"},
        {"prediction_id": forgotten, "label": "ham"},
        {"prediction_id": new_prediction_id(2**46), "label": "ham"},
        {"prediction_id": good, "label": "ham", "known_at": "2026-01-05T12:30:00"},
        {"prediction_id": good, "label": "ham", "known_at": "2027-01-05T12:30:00Z"},
        {"prediction_id": good},
        7,
        {"prediction_id": good, "label": "ham", "known_at": "0001-01-01T00:00:00+14:00"},
    )
    assert answer["accepted"] == 1
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [
        (1, "unknown-class"),
        (2, "unknown-class"),
        (3, "no-prediction-id"),
        (4, "expired"),
        (5, "no-prediction-id"),
        (6, "invalid-label"),
        (7, "in-the-future"),
        (8, "invalid-label"),
        (9, "invalid-label"),
        (10, "invalid-label"),
    ]
    assert "spam" in answer["rejected"][0]["detail"]
    assert await stored(running) == [(good, "ham")]


async def test_a_prediction_of_another_use_case_is_rejected(running) -> None:
    (one,) = await predicted(running)
    answer = await send(running, {"prediction_id": one, "label": "setosa"}, use_case="iris")
    assert [rejected["code"] for rejected in answer["rejected"]] == ["other-use-case"]


@pytest.mark.parametrize(
    "body",
    [
        {"use_case": "spam", "labels": []},
        {"use_case": "spam", "labels": [{}] * 1001},
        {"use_case": "none", "labels": [{}]},
        {"labels": [{}]},
        {"use_case": "spam", "labels": [{}], "x": 1},
        {"use_case": "spam", "label": "ham"},
        [],
    ],
)
async def test_a_body_of_another_form_is_422(running, body) -> None:
    response = await running.ask("POST", "/feedback", json=body)
    assert response.status_code == 422
    assert response.json()["code"] == "invalid-record"


class Outage(LocalBlobStore):
    """A store that does not answer while it is `down`, or takes nothing while it is `full`."""

    down = full = False

    def list(self, prefix: str) -> Iterator[BlobInfo]:
        if self.down:
            raise UpstreamUnavailable("the blob store does not answer")
        return super().list(prefix)

    def write(self, path: str, data: bytes) -> str:
        if self.down or self.full:
            raise UpstreamUnavailable("the blob store is full")
        return super().write(path, data)


@pytest.mark.parametrize("state", ["down", "full"])
async def test_labels_wait_on_disk_while_the_blob_store_takes_nothing(serve, tmp_path, state):
    store = Outage(tmp_path / "blob")
    running = await serve(store=store)
    known, *_ = await predicted(running)
    await send(running, {"prediction_id": known, "label": "spam"})
    setattr(store, state, True)
    new = (await running.predict()).json()["prediction_id"]
    labels = [{"prediction_id": one, "label": "ham"} for one in (known, new)]
    assert await send(running, *labels) == {**NONE, "replaced": 1, "pending": 1}
    assert await send(running, *labels) == {**NONE, "unchanged": 2}
    flushed = await running.ask("POST", "/admin/inference-log/flush", "admin")
    assert (flushed.status_code, flushed.json()["code"]) == (503, "upstream-unavailable")
    setattr(store, state, False)
    assert sorted(await stored(running)) == sorted([(known, "spam"), (known, "ham"), (new, "ham")])


async def test_labels_are_refused_and_not_lost_while_the_disk_is_full(serve, tmp_path):
    """Without a 202 the sender still has the label, and is told when to send it again."""
    running = await serve()
    (one,) = await predicted(running)
    label = {"prediction_id": one, "label": "ham"}
    body = {"use_case": "spam", "labels": [label]}
    spool = running.spool.rename(tmp_path / "gone")
    running.spool.touch()
    refused = await running.ask("POST", "/feedback", json=body)
    assert (refused.status_code, refused.json()["code"]) == (503, "inference-log-unavailable")
    assert int(refused.headers["Retry-After"]) > 0
    running.spool.unlink()
    spool.rename(running.spool)
    assert await send(running, label) == {**NONE, "accepted": 1}
    assert await stored(running) == [(one, "ham")]


async def test_a_viewer_may_not_send_labels(running) -> None:
    assert (await running.ask("POST", "/feedback", "viewer", json={})).status_code == 403


async def test_a_deleted_index_is_built_again(running) -> None:
    (one,) = await predicted(running)
    await send(running, {"prediction_id": one, "label": "ham"})
    await running.logged()
    running.gateway.settings.record_index_file.unlink()
    assert await send(running, {"prediction_id": one, "label": "ham"}) == {**NONE, "unchanged": 1}
