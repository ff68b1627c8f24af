"""`mlplatform erase` against a real gateway."""

import asyncio
import json
import sys

from platform_core.parquet import write_table
from platform_core.storage import MANIFEST_FILE, RECORDS_FILE, dataset_path
from platform_core.testing.machine import child_environment
from use_cases import use_case


async def erase(running, tmp_path, key: str, *arguments: str) -> tuple[int | None, str, str]:
    variables = {
        "GATEWAY_URL": str(running.client.base_url),
        "GATEWAY_API_KEY": key,
        "BLOB_STORE_URL": f"file://{tmp_path}/blob",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cli", "erase", *arguments,
        env=child_environment(variables),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, out.decode(), err.decode()


async def test_the_command_erases_a_record_that_was_not_uploaded_yet(
    running, keys, spam, tmp_path
) -> None:
    records = use_case("spam").training().generate(20, 1)
    write_table(running.store, dataset_path("spam", "v1", RECORDS_FILE), records)
    manifest = dataset_path("spam", "v1", MANIFEST_FILE)
    running.store.write(manifest, b"{}")
    record_id = records["email_id"][0].as_py()
    one = (await running.predict({**spam, "email_id": record_id})).json()["prediction_id"]
    other = (await running.predict({**spam, "email_id": "other"})).json()["prediction_id"]

    code, _, err = await erase(running, tmp_path, keys["operator"], "--record-id", record_id)
    assert code != 0
    assert "nothing was erased" in err
    code, out, err = await erase(
        running, tmp_path, keys["admin"], "--record-id", record_id, "--json"
    )
    assert code == 0, err
    report = json.loads(out)
    assert (report["predictions"], report["datasets"]) == ([one], ["v1"])
    assert [row["prediction_id"] for row in await running.logged()] == [other]
    response = await running.ask("GET", f"/predictions/{one}")
    assert (response.status_code, response.json()["code"]) == (410, "prediction-erased")
    assert (await running.ask("GET", f"/predictions/{other}")).status_code == 200
    assert running.store.read(manifest) == b"{}"
