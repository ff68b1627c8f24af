"""`mlplatform batch` against a real gateway whose jobs really run."""

import asyncio
import json
import os
import re
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiohttp import web

from batch_inference.executors import LocalExecutor
from batch_inference.job import run_job
from batch_inference.remote import RemoteScoring, score_file
from batch_inference.services import Services
from batch_inference.settings import BatchSettings
from mlplatform_client import Client
from mlplatform_client.uploads import PIECE_BYTES
from platform_core.adapters.job_runner.memory import MemoryJobRunner
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.errors import InvalidData, Refused, UpstreamUnavailable
from use_cases import use_case

KEY = "an-operators-secret"


class RunningJobs(MemoryJobRunner):
    """Runs a job as soon as it is submitted."""

    def __init__(self, store) -> None:
        super().__init__()
        self.store = store

    def submit(self, job_id, command, environment) -> None:
        super().submit(job_id, command, environment)
        local = LocalExecutor()
        run_job(
            job_id,
            Services(self.store, SystemClock(), BatchSettings(), None, local, local),
            attempt=1,
        )


@pytest.fixture
async def gateway(serve, blob_store, releases, activate):
    activate(blob_store, releases["iris"], Environment.STAGING)
    return await serve(runner=RunningJobs(blob_store), served=())


@pytest.fixture
def mails(tmp_path):
    """A file of iris records, of which the last is invalid."""
    names = use_case("iris").record_schema.names
    rows = {name: [5.1, 3.5, -1e9] for name in names}
    pq.write_table(pa.table(rows), tmp_path / "in.parquet")
    return tmp_path / "in.parquet"


async def command(gateway, folder, *arguments):
    variables = {"GATEWAY_URL": str(gateway.client.base_url), "GATEWAY_API_KEY": KEY}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "batch", *arguments,
        cwd=folder, env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), err.decode()


async def test_one_command_scores_a_file(gateway, mails, tmp_path) -> None:
    code, out, err = await command(gateway, tmp_path, "in.parquet", "--use-case", "iris", "--json")
    assert code == 0, err
    result = json.loads(out)
    assert result["job"]["status"] == "succeeded"
    assert (result["job"]["rows_total"], result["job"]["rows_invalid"]) == (3, 1)
    predictions = pq.read_table(tmp_path / result["output"])
    assert result["output"] == "in.predictions.parquet"
    assert predictions.num_rows == 2
    assert pq.read_table(tmp_path / result["invalid"]).num_rows == 1
    assert re.search("uploading: 100 %", err)
    assert re.search("downloading: 100 %", err)
    # What was uploaded is gone; the output stays.
    paths = [blob.path for blob in gateway.store.list("batch")]
    assert not [path for path in paths if "uploads" in path]
    code, _, err = await command(gateway, tmp_path, "in.parquet", "--use-case", "iris")
    assert code == 1
    assert "in.predictions.parquet exists already" in err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["absent.parquet"], 1, "absent.parquet cannot be read"),
        (["text.parquet"], 1, "text.parquet is not a Parquet file"),
        (["in.parquet", "--use-case", "none"], 1, "'none' is not one of"),
        (["in.parquet", "--environment", "moon"], 2, "--environment"),
        (["in.parquet", "--use-case", "iris", "--environment", "production"], 1, "no release of"),
        (["in.parquet", "--use-case", "spam"], 1, "staging serves no release of spam"),
    ],
)
async def test_refusals_name_the_reason_last(
    gateway, mails, tmp_path, arguments, code, reason
) -> None:
    (tmp_path / "text.parquet").write_text("not what it is called")
    found, _, err = await command(gateway, tmp_path, *arguments)
    assert found == code
    assert reason in err.splitlines()[-1] or code == 2
    assert not [p for p in gateway.store.list("batch") if "uploads/" in p.path]


async def score(gateway, file, output, url=None):
    remote = Client(url or str(gateway.client.base_url), KEY)
    scoring = RemoteScoring(file, "iris", Environment.STAGING, output)
    steps = []
    try:
        result = await asyncio.to_thread(
            score_file, remote, scoring, lambda *step: steps.append(step), 0
        )
    finally:
        remote.close()
    return result, steps


async def test_a_job_that_fails_gives_its_reason(gateway, tmp_path) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "in.parquet")
    with pytest.raises(Refused, match=r"failed: .*sepal_length"):
        await score(gateway, tmp_path / "in.parquet", tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()


async def test_the_output_is_not_overwritten(gateway, mails, tmp_path) -> None:
    (tmp_path / "out.parquet").write_text("mine")
    with pytest.raises(InvalidData, match="exists already"):
        await score(gateway, mails, tmp_path / "out.parquet")
    assert (tmp_path / "out.parquet").read_text() == "mine"


async def test_broken_connections_are_continued(gateway, tmp_path) -> None:
    """A proxy cuts the first attempt at each piece, and each download, in the middle."""
    names = use_case("iris").record_schema.names
    file = tmp_path / "in.parquet"
    table = pa.table({name: [5.1, 3.5] for name in names})
    padding = os.urandom(PIECE_BYTES)
    table = table.replace_schema_metadata({"padding": padding})
    pq.write_table(table, file)
    assert file.stat().st_size > PIECE_BYTES
    cut = set()

    async def forward(request: web.Request) -> web.StreamResponse:
        url = f"{gateway.client.base_url}".rstrip("/") + request.raw_path
        headers = {k: v for k, v in request.headers.items() if k != "Host"}
        step = (request.method, request.headers.get("Content-Range"), request.headers.get("Range"))
        data = await request.read()
        files = "files" in request.path and request.method != "DELETE"
        broken = files and step not in cut and not (data == b"" and "PUT" in step)
        cut.update([step] if files else [])
        if broken and request.method == "PUT":
            request.transport.abort()
            return web.Response()
        answer = await gateway.client.request(request.method, url, content=data, headers=headers)
        response = web.StreamResponse(status=answer.status_code, headers=answer.headers)
        await response.prepare(request)
        await response.write(answer.content[: len(answer.content) // 2 if broken else None])
        if broken:
            request.transport.close()
        return response

    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", forward)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    try:
        url = f"http://127.0.0.1:{port}"
        result, steps = await score(gateway, file, tmp_path / "out.parquet", url)
    finally:
        await runner.cleanup()
    assert pq.read_table(result.output).num_rows == 2
    assert ("uploading", 100) in steps
    assert len([step for step in cut if step[0] == "PUT"]) == 4  # the question and three pieces
    assert [step for step in cut if step[0] == "GET" and step[2]]  # continued by range


async def test_a_gateway_that_is_down_is_named(tmp_path, mails) -> None:
    remote = Client("http://127.0.0.1:1", KEY, max_retries=0)
    scoring = RemoteScoring(mails, "iris", Environment.STAGING, tmp_path / "out.parquet")
    with pytest.raises(UpstreamUnavailable, match=r"http://127.0.0.1:1.* does not answer"):
        score_file(remote, scoring, lambda *_: None, 0)
    remote.close()
