"""What a fault on live traffic needs: a controller, changes, labels, and their books."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from fault_drill import Drill, FaultOutcome
from fault_testbed import KEYS, START_SECONDS, Server, Testbed
from fault_traffic import USE_CASE

from mlplatform_client import Client, MlplatformError
from platform_core.changes import Changes, RecordedChange
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeStatus
from platform_core.errors import UpstreamUnavailable
from platform_core.ledger import Ledger
from platform_core.testing.trials import wrong_label
from records import current_labels, read_labels
from releases.changes.needed import assignments
from releases.changes.requests import ChangeRequests, Requested
from releases.deployers.embedded import EmbeddedDeployer
from use_cases import use_case

STAGING = Environment.STAGING
CHANGE_SECONDS = START_SECONDS + 30
LABEL_PAUSE = 0.2
FINAL = (ChangeStatus.APPLIED, ChangeStatus.REFUSED, ChangeStatus.FAILED)
Labelling = Callable[[str, str], str]
"""Returns the label of an answer, from its release and its prediction."""


def request_change(testbed: Testbed, action: Action, percent: int | None = None) -> str:
    """Request a change of the second release in staging; return its id."""
    release = None if action is Action.ABORT else testbed.releases[1].id
    requested = Requested(action, USE_CASE, STAGING, "faults", "fault", release, percent)
    return ChangeRequests(testbed.store, SystemClock()).submit(requested)


def recorded(testbed: Testbed, change_id: str) -> RecordedChange:
    """Return a change."""
    return Changes(testbed.store, SystemClock()).get(change_id)


async def ended(run: Drill, change_id: str) -> ChangeStatus:
    """Wait until a change has ended, and return how."""
    testbed = run.testbed
    await run.until(
        lambda: recorded(testbed, change_id).status in FINAL, "the change ends", CHANGE_SECONDS
    )
    return recorded(testbed, change_id).status


async def apply(run: Drill, action: Action, percent: int | None = None) -> None:
    """Have a change applied, and the gateway follow it."""
    change_id = await run.during(partial(request_change, run.testbed, action, percent))
    status = await ended(run, change_id)
    result = recorded(run.testbed, change_id).result
    reason = f"{action} was {status}: {result.detail if result else 'it has no result'}"
    run.outcome.require(status is ChangeStatus.APPLIED, reason)
    if result is not None:
        requests = ChangeRequests(run.testbed.store, SystemClock())
        await run.during(partial(requests.wait_for_gateways, result))


def disagreements(testbed: Testbed) -> list[str]:
    """Return how the servers of staging differ from its ledger; it must have the first release."""
    state = Ledger(testbed.store, SystemClock()).state(USE_CASE, STAGING)
    deployer = EmbeddedDeployer(testbed.home / "models", testbed.serving, START_SECONDS)

    def holds(check: Callable[..., bool], *about: object) -> bool:
        try:
            return check(STAGING, USE_CASE, *about)
        except UpstreamUnavailable:  # the server is being started again
            return False

    found = [] if state.stable == testbed.releases[0].id else [f"{state.stable} is stable"]
    if not holds(deployer.is_stable, state.stable):
        found.append("the plain name answers with another release")
    found += [
        f"{release:.8} does not answer as {role}"
        for release, role in assignments(state)
        if not holds(deployer.is_ready, release, role)
    ]
    waiting = [one.request.action for one in Changes(testbed.store, SystemClock()).open()]
    return found + [f"{action} is still open" for action in waiting]


@contextmanager
def controllers(
    testbed: Testbed, policy: str, number: int = 1, **changes: str
) -> Iterator[list[Server]]:
    """Run controllers with a policy of the use case."""
    folder = Path(testbed.home / "policies")
    folder.mkdir(exist_ok=True)
    (folder / f"{USE_CASE}.toml").write_text(policy)
    settings = {"POLICY_FOLDER": str(folder), **changes}
    with ExitStack() as stack:
        started = []
        for n in range(number):
            server = testbed.controller(f"controller-{n}", **settings)
            stack.callback(server.stop)
            started.append(server.start())
        yield started


@dataclass
class LabelSender:
    """Labels what staging answers; `stored` are the labels that the gateway took, by prediction."""

    testbed: Testbed
    label: Labelling
    stored: dict[str, str] = field(default_factory=dict)
    refused: int = 0

    async def run(self, drill: Drill, stop: asyncio.Event) -> None:
        """Send labels until `stop`, and what was refused again."""
        client = Client(f"http://127.0.0.1:{self.testbed.port}", KEYS["load"], max_retries=0)
        waiting: dict[str, str] = {}
        begin = len(drill.traffic.sent)
        while not (stop.is_set() and not waiting):
            begin, new = self._new(drill, begin)
            if not stop.is_set():
                waiting |= new
            if waiting:
                labels = [{"prediction_id": p, "label": one} for p, one in waiting.items()]
                send = partial(client.feedback_many, labels[:1000], use_case=USE_CASE)
                try:
                    answer = await asyncio.to_thread(send)
                except MlplatformError:
                    self.refused += 1
                else:
                    rejected = [one.detail for one in answer.rejected]
                    drill.outcome.require(not rejected, f"labels were rejected: {rejected[:1]}")
                    for one in labels[:1000]:
                        self.stored[one["prediction_id"]] = waiting.pop(one["prediction_id"])
            await asyncio.sleep(LABEL_PAUSE)

    def check(self, outcome: FaultOutcome) -> None:
        """Require that every label which was taken is in the store."""
        now = datetime.now(UTC)
        found = read_labels(
            self.testbed.store,
            use_case(USE_CASE),
            now - timedelta(hours=3),
            now + timedelta(hours=1),
        )
        rows = current_labels(found).select(["prediction_id", "label"]).to_pylist()
        known = {row["prediction_id"]: row["label"] for row in rows}
        lost = sum(known.get(one) != label for one, label in self.stored.items())
        outcome.require(bool(self.stored), "no label was taken")
        outcome.require(lost == 0, f"{lost} of {len(self.stored)} labels are lost")
        again = f", {self.refused} requests repeated" if self.refused else ""
        outcome.notes.append(f"{len(self.stored)} labels{again}")

    def _new(self, drill: Drill, begin: int) -> tuple[int, dict[str, str]]:
        sent = drill.traffic.sent
        new = {
            prediction: self.label(release, predicted)
            for one in sent[begin:]
            if one.environment is STAGING
            for (prediction, release), predicted in zip(one.predictions, one.classes, strict=True)
        }
        return len(sent), new


@asynccontextmanager
async def labelled(run: Drill, label: Labelling) -> AsyncIterator[LabelSender]:
    """Send labels while the block runs."""
    sender, stop = LabelSender(run.testbed, label), asyncio.Event()
    task = asyncio.create_task(sender.run(run, stop))
    try:
        yield sender
    finally:
        stop.set()
        await asyncio.wait_for(task, CHANGE_SECONDS)


def true_label(_: str, predicted: str) -> str:
    """Every answer is right."""
    return predicted


def against(release_id: str) -> Labelling:
    """Return labels that call every answer of a release wrong, and all others right."""
    classes = use_case(USE_CASE).classes

    def label(release: str, predicted: str) -> str:
        return wrong_label(classes, predicted) if release == release_id else predicted

    return label


def seconds_since(begin: float) -> str:
    """Return the time since a moment of `time.monotonic` in words."""
    return f"{time.monotonic() - begin:.0f} s"
