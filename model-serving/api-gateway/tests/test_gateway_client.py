"""The Python client with a real gateway."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from mlplatform_client import (
    APIConnectionError,
    AsyncClient,
    AuthenticationError,
    Client,
    ConflictError,
    InvalidFieldsError,
    InvalidItem,
    LabelSubmission,
    NotFoundError,
    PermissionDeniedError,
    Prediction,
    TransferError,
    UnavailableError,
    WaitTimeoutError,
)
from mlplatform_client.models.releases import ServingState
from platform_core.contracts.ledger import Action, ChangeRequest
from platform_core.contracts.serving_state import ServingState as StoredState

CONTENT = bytes(range(256)) * 80_000  # 20 MB: three pieces


@pytest.fixture
async def client(running, keys) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(str(running.client.base_url), keys["operator"]) as client:
        yield client


@pytest.fixture
async def admin(client, keys) -> AsyncClient:
    return client.with_key(keys["admin"])


async def test_a_record_is_predicted_where_it_is_asked_for(client, spam, iris) -> None:
    answer = await client.predict(spam)
    assert (answer.environment, answer.role, answer.prediction) == ("staging", "stable", "spam")
    assert answer.probability == answer.probabilities["spam"]
    assert answer.model_extra["email_id"] == spam["email_id"]
    other = await client.predict(iris, use_case="iris", environment="production")
    assert other.environment == "production"
    assert set(other.probabilities) == {"setosa", "versicolor", "virginica"}
    with pytest.raises(InvalidFieldsError) as raised:
        await client.predict({"features": []}, use_case="iris")
    assert {one.field.partition(".")[0] for one in raised.value.errors} == {"features"}
    with pytest.raises(ConflictError) as raised:
        await client.predict(spam, role="canary")
    assert raised.value.code == "no-release-in-role"


async def test_many_records_keep_their_order_and_their_errors(client, spam) -> None:
    records = [{**spam, "email_id": str(number)} for number in range(205)]
    del records[150]["body"]
    found = await client.predict_many(iter(records), use_case="spam")
    assert len(found) == 205
    assert [index for index, one in enumerate(found) if isinstance(one, InvalidItem)] == [150]
    assert [one.model_extra["email_id"] for one in found] == [one["email_id"] for one in records]
    assert "body" in found[150].error.detail
    assert await client.predict_many([]) == []


async def test_labels_are_sent_in_parts_and_counted(running, client, spam) -> None:
    found = await client.predict_many([{**spam, "email_id": str(n)} for n in range(3)])
    await running.logged()
    ids = [one.prediction_id for one in found if isinstance(one, Prediction)]
    one = await client.feedback(ids[0], "spam", use_case="spam")
    assert (one.accepted, one.rejected) == (1, [])
    sent = [{"prediction_id": i, "label": "ham"} for i in ids]
    sent += [LabelSubmission(prediction_id=f"{n:032x}", label="ham") for n in range(1000)]
    outcome = await client.feedback_many(sent, use_case="spam")
    assert (outcome.replaced, outcome.accepted) == (1, 2)
    assert [one.index for one in outcome.rejected] == list(range(3, 1003))
    assert {one.code for one in outcome.rejected} == {"no-prediction-id"}


async def test_a_search_reads_all_pages_and_a_passport_has_the_labels(
    running, client, spam, monkeypatch, tmp_path
) -> None:
    for number in range(5):
        await client.predict({**spam, "email_id": str(number)})
        running.clock.advance(timedelta(seconds=1))
    await running.logged()
    page = await client.predictions.search(use_case="spam", page_size=2).page()
    assert len(page.predictions) == 2
    found = [one async for one in client.predictions.search(use_case="spam", page_size=2)]
    assert [one.record_id for one in found] == ["4", "3", "2", "1", "0"]
    assert found[0] == page.predictions[0]
    some = client.predictions.search(use_case="spam", start=found[3].time, end=found[1].time)
    assert [one.record_id async for one in some] == ["2", "1"]
    await client.feedback(found[0].prediction_id, "ham", use_case="spam")
    wrong = [one async for one in client.predictions.search(use_case="spam", wrong=True)]
    assert [(one.record_id, one.prediction, one.label) for one in wrong] == [("4", "spam", "ham")]
    passport = await client.predictions.get(found[0].prediction_id)
    assert [(one.label, one.said_by) for one in passport.labels] == [("ham", "test-operator")]
    assert (passport.record.input["email_id"], passport.replay) == ("4", None)
    with pytest.raises(NotFoundError):
        await client.predictions.get("f" * 32)


async def test_a_change_is_requested_once_and_followed(running, admin, releases) -> None:
    release_id = releases["spam"].id
    requested = [
        await admin.releases.canary(
            "spam", release_id[:8], percent=5, reason="weekly", idempotency_key="k"
        )
        for _ in range(2)
    ]
    assert requested[0] == requested[1]
    change = await admin.changes.get(requested[0].change_id)
    assert (change.status, change.request.percent) == ("requested", 5)
    assert change.request.release_id == release_id
    assert [one async for one in admin.changes.list(status="requested")] == [change]
    with pytest.raises(WaitTimeoutError, match="is still requested after"):
        await admin.changes.wait(change.request.change_id, timeout=0)


async def test_an_expected_state_is_compared_with_the_current_one(admin, releases) -> None:
    present = (await admin.releases.states())["spam"]["production"].state
    assert present == ServingState(stable=releases["spam"].id)
    accepted = await admin.releases.abort("spam", reason="slow", expected_state=present)
    assert accepted.change_id
    with pytest.raises(ConflictError) as raised:
        other = ServingState(stable="b" * 32)
        await admin.releases.rollback("spam", reason="worse", expected_state=other)
    assert raised.value.code == "unexpected-state"
    assert releases["spam"].id in raised.value.detail


async def test_a_suggestion_is_approved_or_rejected(running, admin) -> None:
    for change_id in ("c1", "c2"):
        suggested = ChangeRequest(
            change_id=change_id,
            created_at=running.clock.now(),
            use_case="spam",
            environment="production",
            action=Action.PROMOTE,
            actor="policy",
            reason="better",
            expected_state=StoredState(),
            approvals=1,
        )
        running.gateway.releases.changes.submit(suggested)
    assert (await admin.changes.approve("c1", reason="looked at it")).status == "requested"
    assert (await admin.changes.reject("c2", reason="not now")).status == "rejected"
    ended = await admin.changes.wait("c2")
    assert [(one.actor, one.reason) for one in ended.decisions] == [("test-admin", "not now")]


async def test_releases_are_shown_with_their_history(client, releases) -> None:
    release_id = releases["spam"].id
    assert [one.release_id for one in await client.releases.list("spam")] == [release_id]
    card = await client.releases.get("spam", release_id[:8], compare=release_id)
    assert (card.release_id, card.comparison.same_dataset) == (release_id, True)
    history = [one async for one in client.releases.history("spam", page_size=1)]
    assert {one.change.environment for one in history} == {"staging", "production"}
    assert (await client.releases.info("spam"))["spam"]["staging"].metrics == {"f1": 0.97}
    served = await client.releases.served_at("spam", "2026-01-06T00:00:00Z")
    assert served["production"].release_id == release_id


async def test_where_there_is_nothing_yet_it_says_so(client) -> None:
    assert await client.comparisons.get("spam", "production") is None
    assert (await client.metrics.drift("spam"))["spam"]["production"].status == "no-report"
    assert (await client.metrics.quality())["iris"]["staging"].status == "no-report"
    for listing in (
        client.reports.drift("spam"),
        client.reports.quality("spam", environment="staging"),
        client.runs.list(),
        client.retraining.list("spam"),
        client.datasets.list("spam"),
        client.batch.list(),
        client.changes.list(),
    ):
        assert [one async for one in listing] == []


async def test_a_role_that_is_too_low_and_a_wrong_key_are_refused(client, keys, spam) -> None:
    viewer = client.with_key(keys["viewer"])
    assert "spam" in {one.name for one in await viewer.use_cases.list()}
    with pytest.raises(PermissionDeniedError):
        await viewer.predict(spam)
    with pytest.raises(AuthenticationError):
        await client.with_key("unknown").use_cases.list()
    assert (await client.predict(spam)).prediction == "spam"


async def test_the_gateway_tells_its_state(admin, client, spam) -> None:
    assert (await client.operations.health()).dependencies["blob-store"] == {"status": "ok"}
    assert await client.operations.is_live()
    assert await client.operations.is_ready()
    await client.predict(spam)
    assert "gateway_" in await client.operations.prometheus()
    assert (await admin.operations.flush_inference_log()).records == 1


async def test_a_gateway_without_releases_is_not_ready(nothing_served, keys, spam) -> None:
    url = str(nothing_served.client.base_url)
    async with AsyncClient(url, keys["operator"], max_retries=0) as client:
        with pytest.raises(UnavailableError) as raised:
            await client.predict(spam)
    assert raised.value.retry_after is not None


async def chunks() -> AsyncIterator[bytes]:
    for start in range(0, len(CONTENT), 3_000_000):
        yield CONTENT[start : start + 3_000_000]


@pytest.mark.parametrize("how", ["bytes", "file", "stream", "empty"])
async def test_a_file_is_uploaded_and_downloaded(client, tmp_path, how) -> None:
    source: Any = {"bytes": CONTENT, "file": io.BytesIO(CONTENT), "empty": b""}.get(how, chunks())
    expected = b"" if how == "empty" else CONTENT
    seen: list[int] = []
    stored = await client.batch.upload(
        source, "in/a file.bin", size=len(expected), progress=lambda done, _: seen.append(done)
    )
    assert (stored.path, stored.size) == ("batch/in/a file.bin", len(expected))
    assert (seen == sorted(seen), seen[-1]) == (True, len(expected))
    target = await client.batch.download(stored.path, tmp_path / "out.bin")
    assert target.read_bytes() == expected
    digest = hashlib.sha256()
    async with client.batch.stream(stored.path) as download:
        assert download.size == len(expected)
        async for chunk in download:
            digest.update(chunk)
    assert digest.digest() == hashlib.sha256(expected).digest()
    if how == "stream":  # without a digest, the file cannot be recognized as the same
        with pytest.raises(TransferError, match="is stored already"):
            await client.batch.upload(chunks(), "in/a file.bin", size=len(expected))
    await client.batch.delete(stored.path)
    with pytest.raises(NotFoundError):
        async with client.batch.stream(stored.path):
            pass


class Failing(httpx.AsyncHTTPTransport):
    """A connection that breaks while the request of this number is sent."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.requests = number, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.requests == self.number:
            raise httpx.WriteError("broken", request=request)
        return await super().handle_async_request(request)


@pytest.mark.parametrize("source", [CONTENT, None], ids=["bytes", "stream"])
async def test_an_upload_continues_after_a_broken_connection(running, keys, source) -> None:
    transport = Failing(number=3)
    async with httpx.AsyncClient(transport=transport, timeout=20) as http:
        url = str(running.client.base_url)
        client = AsyncClient(url, keys["operator"], http_client=http)
        content = source or chunks()
        stored = await client.batch.upload(content, "a.bin", size=len(CONTENT))
    assert running.store.read(stored.path) == CONTENT
    assert transport.requests == 6  # a question, three pieces, the broken one, and what arrived


async def test_an_upload_is_continued_by_a_later_one(running, client, keys) -> None:
    async with httpx.AsyncClient(transport=Failing(number=3), timeout=20) as http:
        url = str(running.client.base_url)
        broken = AsyncClient(url, keys["operator"], http_client=http, max_retries=0)
        with pytest.raises(APIConnectionError):
            await broken.batch.upload(CONTENT, "a.bin")
    seen: list[int] = []
    await client.batch.upload(CONTENT, "a.bin", progress=lambda done, _: seen.append(done))
    assert seen[0] == 8 << 20
    assert running.store.read("batch/a.bin") == CONTENT


async def test_a_stream_that_has_another_size_is_refused(client) -> None:
    with pytest.raises(TransferError, match="has more than the 20479999 bytes"):
        await client.batch.upload(chunks(), "a.bin", size=len(CONTENT) - 1)
    with pytest.raises(TransferError, match="ended after 20480000 of 20480001 bytes"):
        await client.batch.upload(chunks(), "b.bin", size=len(CONTENT) + 1)
    with pytest.raises(TypeError, match="give it as `size`"):
        await client.batch.upload(chunks(), "c.bin")


async def test_a_batch_job_is_submitted_followed_and_cancelled(running, client) -> None:
    stored = await client.batch.upload(b"rows", "in.parquet")
    job = await client.batch.submit(stored.path, "batch/out.parquet", environment="production")
    state = await client.batch.get(job.job_id)
    assert (state.use_case, state.environment, state.status) == ("spam", "production", "submitted")
    assert [one.job_id async for one in client.batch.list(status="submitted")] == [job.job_id]
    with pytest.raises(WaitTimeoutError, match="is submitted at 0 % after"):
        await client.batch.wait(job.job_id, timeout=0)
    await client.batch.cancel(job.job_id)
    seen = []
    ended = await client.batch.wait(job.job_id, report=lambda state: seen.append(state.status))
    assert (ended.status, seen[-1]) == ("cancelled", "cancelled")
    with pytest.raises(ConflictError):
        await client.batch.cancel(job.job_id)


async def test_the_synchronous_client_does_the_same(running, keys, spam, tmp_path) -> None:
    def use() -> None:
        with Client(str(running.client.base_url), keys["operator"]) as client:
            found = client.predict_many([spam] * 101)
            assert len(found) == 101
            assert isinstance(found[100], Prediction)
            stored = client.batch.upload(iter([CONTENT[:5], CONTENT[5:]]), "a", size=len(CONTENT))
            with client.batch.stream(stored.path, byte_range="bytes=0-9") as download:
                assert b"".join(download) == CONTENT[:10]
            assert client.batch.download("a", tmp_path / "a").read_bytes() == CONTENT
            with pytest.raises(TypeError, match="AsyncClient only"):
                client.batch.upload(chunks(), "b", size=len(CONTENT))
            client.with_key(keys["admin"]).operations.flush_inference_log()
            listed = client.predictions.search(use_case="spam", page_size=50)
            assert len(list(listed)) == 101

    await asyncio.to_thread(use)
