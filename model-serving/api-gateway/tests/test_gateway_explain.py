"""`/models/{use_case}/explain`: leave-one-out on the release that serves."""

from typing import Any

import pytest

from api_gateway.explain.parts import MAX_TEXT_PARTS, record_parts, text_spans
from platform_core.contracts.environments import Environment
from platform_core.contracts.serving_state import ServingState, Shadow, model_name
from use_cases import use_case

SPAM = "/models/spam/explain"


async def explained(running: Any, path: str, record: Any, **rest: Any) -> dict[str, Any]:
    response = await running.predict(record, path, **rest)
    assert response.status_code == 200, response.text
    return response.json()


async def test_each_word_has_the_change_of_the_score_without_it(running, spam) -> None:
    found = await explained(running, SPAM, spam)
    answer = (await running.predict(spam, "/models/spam/predict")).json()
    assert (found["prediction"], found["release_id"]) == (
        answer["prediction"],
        answer["release_id"],
    )
    assert found["score"] == pytest.approx(answer["probability"])
    parts = {(one["field"], one["value"]): one for one in found["parts"]}
    assert {field for field, _ in parts} == {"subject", "body", "sender"}
    click = parts["body", "Click"]
    assert spam["body"][click["start"] : click["end"]] == "Click"
    without = {**spam, "body": " here now"}
    other = (await running.predict(without, "/models/spam/predict")).json()
    change = found["score"] - other["probabilities"][found["score_of"]]
    assert click["change"] == pytest.approx(change, abs=1e-6)
    assert found["rows"] == 1 + len(found["parts"])


async def test_a_field_is_replaced_by_the_values_of_the_examples(running, iris) -> None:
    found = await explained(running, "/models/iris/explain", iris)
    names = [one["field"] for one in found["parts"]]
    assert names == ["sepal_length", "sepal_width", "petal_length", "petal_width"]
    petal = found["parts"][2]
    assert petal["replaced_by"] == pytest.approx([5.2])
    assert petal["change"] is not None
    assert max(abs(one["change"]) for one in found["parts"]) > 0.01


async def test_it_is_one_call_and_nothing_is_logged(running, spam) -> None:
    await explained(running, SPAM, spam)
    assert len(running.v2.server.requests) == 1
    assert await running.logged() == []


async def test_a_role_is_asked_by_its_header(
    running, candidates, releases, scorers, set_state, spam
) -> None:
    other = releases["spam"]
    shadow = Shadow(release_id="b" * 32, change_id="c2")
    set_state(
        running.store,
        "spam",
        Environment.STAGING,
        ServingState(stable=other.id, shadow=shadow),
    )
    await running.gateway.catalog.refresh()
    name = model_name("spam", "b" * 32)
    candidates.server.scorers[name] = scorers["spam"]
    candidates.server.named[name] = "b" * 32
    found = await explained(running, SPAM, spam, headers={"X-Release-Role": "shadow"})
    assert (found["role"], found["release_id"]) == ("shadow", "b" * 32)
    refused = await running.predict(spam, SPAM, headers={"X-Release-Role": "canary"})
    assert (refused.status_code, refused.json()["code"]) == (409, "no-release-in-role")


async def test_it_checks_like_a_prediction(running, spam) -> None:
    assert (await running.predict(spam, SPAM, role="viewer")).status_code == 403
    assert (await running.predict(spam, "/models/none/explain")).status_code == 404
    assert (await running.predict({**spam, "body": 1}, SPAM)).status_code == 422
    large = {**spam, "body": "x" * (64 << 10)}
    assert (await running.predict(large, SPAM)).status_code == 413


async def test_without_a_release_it_is_503(nothing_served, spam) -> None:
    assert (await nothing_served.predict(spam, SPAM)).status_code == 503


def test_a_long_text_is_left_out_by_sentences_and_then_by_runs_of_words() -> None:
    sentences = "Now this is one of the sentences here. " * 12
    found = [sentences[start:end] for start, end in text_spans({"body": sentences})["body"]]
    assert found == ["Now this is one of the sentences here."] * 12
    many = text_spans({"body": "word " * 5000, "subject": "a b"})
    assert sum(map(len, many.values())) <= MAX_TEXT_PARTS
    assert many["body"][0][0] == 0
    assert many["body"][-1][1] == len("word " * 5000) - 1


def test_every_use_case_has_parts_with_something_in_their_place() -> None:
    for name in ("churn", "spam", "iris", "sentiment", "email_categories"):
        case = use_case(name)
        for example in case.examples.values():
            record = case.record.model_validate(example)
            row = {key: one[0] for key, one in case.declaration.values([record]).items()}
            parts = record_parts(case, row)
            assert parts
            assert case.id_column not in {part.field for part in parts}
            assert 1 + sum(len(part.replacements) for part in parts) <= 200
            for part in parts:
                assert row[part.field] not in part.replacements
