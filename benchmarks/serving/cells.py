"""One measurement: a load on one endpoint while the others are idle, with checked responses."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from platform_core.errors import Conflict
from serving.endpoint import Endpoint, EndpointKind
from serving.processes import MICROSECONDS, LoadGenerator, cpu_seconds, pin
from serving.subject import Subject
from serving.target import Load, Outcome

OK = 200
TOLERANCE = 1e-5
FULL_CORE = 0.9


@dataclass(frozen=True)
class Cell:
    """Cost of a load: CPU in microseconds per request by process, latencies in ms."""

    cpu: dict[str, float]
    rate: float
    p50: float
    p99: float
    requests: int
    load_share: float

    @property
    def total_cpu(self) -> float:
        """CPU microseconds per request of all processes of the endpoint."""
        return sum(self.cpu.values())


def measure(generator: LoadGenerator, endpoint: Endpoint, load: Load, subject: Subject) -> Cell:
    """Return the cost of a load whose responses are all correct.

    Raises:
        Conflict: an answer is not 200, or its probability is not the graph's.
    """
    pin(endpoint.processes.values())
    before = cpu_seconds(endpoint.processes)
    outcome = generator.perform(load)
    after = cpu_seconds(endpoint.processes)
    verify(endpoint, outcome, subject)
    count = len(outcome.latencies)
    p50, p99 = np.percentile(outcome.latencies, (50, 99), method="nearest") * 1000
    return Cell(
        {name: MICROSECONDS * (after[name] - before[name]) / count for name in before},
        count / outcome.seconds,
        float(p50),
        float(p99),
        count,
        outcome.cpu_share,
    )


def verify(endpoint: Endpoint, outcome: Outcome, subject: Subject) -> None:
    """Compare every response with ONNX Runtime's result for the same mail.

    Raises:
        Conflict: one is missing or differs.
    """
    wrong = next(
        (body for body, s in zip(outcome.bodies, outcome.statuses, strict=True) if s != OK), None
    )
    if outcome.error or wrong is not None or not outcome.bodies:
        raise Conflict(f"{endpoint.title} failed: {wrong or outcome.error!r:.500}")
    if endpoint.kind is EndpointKind.FLOOR:
        return
    found = np.array([endpoint.read(body) for body in outcome.bodies])
    expected = subject.expected if endpoint.expected is None else endpoint.expected
    difference = np.abs(found - expected[np.array(outcome.numbers)])
    if not difference.max() <= TOLERANCE:
        mail = outcome.numbers[int(np.argmax(difference))]
        raise Conflict(
            f"{endpoint.title}: the probability of mail {mail} differs by "
            f"{difference.max():.1e}; {TOLERANCE:.0e} is allowed"
        )


def turns(endpoints: Sequence[Endpoint], rounds: int) -> Iterator[list[Endpoint]]:
    """Yield one order per round; each is followed by its reverse.

    Orders are drawn at random: there are too many for every one to have its turn.
    """
    random, order = Random(1), list(endpoints)  # noqa: S311 (not for secrets)
    for number in range(rounds):
        if number % 2:
            order = order[::-1]
        else:
            random.shuffle(order)
        yield order
