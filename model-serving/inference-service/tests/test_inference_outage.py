"""The online store goes away and comes back."""

from contextlib import ExitStack

import numpy as np
import pytest

from platform_core.testing.processes import free_port, wait_until
from platform_core.testing.servers import redis_in
from use_cases import model_schema, use_case


def test_without_redis_answers_are_degraded_until_it_is_back(
    own_stage, make_release, sender_view, mails, outputs, tmp_path
):
    home, port = own_stage.home, free_port()
    view = sender_view(home, f"redis://127.0.0.1:{port}/0")
    release = make_release(home.store, "spam", feature_view_version="v1")
    home.point("spam", release.id)
    rates = view.entities(mails).column("sender_domain_spam_rate").to_pylist()
    known = pytest.approx([0.5 if rate is None else rate for rate in rates], abs=1e-6)
    unknown = [0.5] * len(rates)

    def ask() -> tuple[bool, list[float]]:
        answer = server.infer("spam", mails, parameters={"return_features": True}).json()
        numbers = model_schema(use_case("spam")).numbers
        features = np.reshape(outputs(answer)["features"], (-1, len(numbers)))
        rates = features[:, numbers.index("sender_domain_spam_rate")]
        return answer["parameters"]["degraded"], rates.tolist()

    with ExitStack() as stack:
        first = stack.enter_context(redis_in(tmp_path / "redis-1", port))
        view.publish()
        server = stack.enter_context(home.serve("inference_service", "INFERENCE", **view.settings))
        assert ask() == (False, known)

        first.kill()
        first.wait()
        assert ask() == (True, unknown)
        assert server.infer("iris", use_case("iris").golden_records()).status_code == 200

        stack.enter_context(redis_in(tmp_path / "redis-2", port))
        view.publish()
        assert wait_until(lambda: not ask()[0], 20)
        assert ask() == (False, known)
