"""Declared digests of bodies and files: verified, and refused when they are malformed."""

import base64
import hashlib
import json

import pytest

FILE = "/batch/files/mails.parquet"


def sha256(data: bytes) -> str:
    return f"sha-256=:{base64.b64encode(hashlib.sha256(data).digest()).decode()}:"


def refused(response, status: int, code: str) -> None:
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


@pytest.mark.parametrize("name", ["Content-Digest", "Repr-Digest"])
async def test_a_body_must_have_its_declared_digest(running, spam, name) -> None:
    async def predict(digest: str):
        headers = {"Content-Type": "application/json", name: digest}
        return await running.ask("POST", "/predict", content=body, headers=headers)

    body = json.dumps(spam).encode()
    assert (await predict(sha256(body))).status_code == 200
    assert (await predict(f"md5=:AAAA:, {sha256(body)}")).status_code == 200
    assert (await predict("unixsum=:AAAA:")).status_code == 200
    refused(await predict(sha256(b"other")), 422, "content-mismatch")
    assert len(await running.logged()) == 3


TWO = f"{sha256(b'one')}, {sha256(b'two')}"


@pytest.mark.parametrize(
    "digest",
    ["garbage", "sha-256=a", "sha-256=:!:", "sha-256=:AAAA:", "SHA-256=:A:", "a=:A:,", TWO],
)
async def test_a_malformed_digest_is_refused(running, spam, digest) -> None:
    for name in ("Content-Digest", "Repr-Digest"):
        response = await running.predict(spam, headers={name: digest})
        refused(response, 400, "invalid-range")
        upload = await running.ask("PUT", FILE, content=b"one", headers={name: digest})
        refused(upload, 400, "invalid-range")
    assert await running.logged() == []
    assert [*running.store.list("batch")] == []


async def test_a_piece_with_a_wrong_digest_is_sent_again(running) -> None:
    async def put(data: bytes, first: int, digest: str):
        place = f"bytes {first}-{first + len(data) - 1}/6"
        headers = {"Content-Range": place, "Content-Digest": digest}
        return await running.ask("PUT", FILE, content=data, headers=headers)

    assert (await put(b"abc", 0, sha256(b"abc"))).json()["received"] == 3
    refused(await put(b"dxf", 3, sha256(b"def")), 422, "content-mismatch")
    asked = await running.ask("PUT", FILE, headers={"Content-Range": "bytes */6"}, content=b"")
    assert asked.json()["received"] == 3
    assert (await put(b"def", 3, sha256(b"def"))).status_code == 201
    assert (await running.ask("GET", FILE)).content == b"abcdef"
