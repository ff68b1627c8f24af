"""`serving`: the complete platform compared with bare model servers, on the same core and graph."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.compute as pc
from bench_report import note, say

from platform_core.errors import Conflict
from serving.cells import Cell, measure, turns
from serving.contestants import NAMES, OTHERS, Field, Ours, started
from serving.endpoint import Endpoint, EndpointKind
from serving.floor import onnx_runtime_alone
from serving.other_checkout import NAME, OtherCheckout
from serving.ours import StackHome
from serving.processes import LoadGenerator, load_generator
from serving.report import show
from serving.results import Plan, Results
from serving.subject import Subject, build
from serving.target import Load

CLIENTS = (1, 16, 64)
ROUNDS, QUICK_ROUNDS = 5, 1
SECONDS, QUICK_SECONDS = 3.0, 0.5
WARM_UP_SECONDS, WARM_UP_CLIENTS = 0.3, 4


def run(options: argparse.Namespace) -> bool:
    """Measure the endpoints; return whether every response of ours was correct."""
    plan = Plan(
        options.clients or CLIENTS,
        options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS),
        options.seconds or (QUICK_SECONDS if options.quick else SECONDS),
    )
    wanted = [*(options.only or NAMES), NAME]
    with prepared() as (home, online, subject, generator):
        before = [OtherCheckout(options.before)] if options.before else []
        contestants = (Ours(home, online), *before, *OTHERS)
        with started(contestants, subject, home.folder, wanted) as field:
            note(f"online store of ours: {'Redis' if home.redis else 'SQLite'}")
            race = Race(generator, field, subject)
            race.warm_up()
            race.run(plan, home.folder)
            show(field, race.results, plan)
            return "ours" not in wanted or _logged_once(home, race.results.answers)


@contextmanager
def prepared() -> Iterator[tuple[StackHome, dict[str, int], Subject, LoadGenerator]]:
    """Yield an installation with a release, its online store's process, and a load generator."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = StackHome(Path(folder))
        home.prepare()
        with home.online_server() as online, load_generator() as generator:
            subject = build(home.folder, home.store, home.online_store)
            say(f"release {subject.release.id}: {len(subject.mails)} mails")
            yield home, online, subject, generator


class Race:
    """Loads the endpoints in turn; a peer that fails or responds incorrectly is left out."""

    def __init__(self, generator: LoadGenerator, field: Field, subject: Subject) -> None:
        self.results = Results()
        self._generator = generator
        self._field = field
        self._subject = subject

    def warm_up(self) -> None:
        """Load each endpoint briefly."""
        for endpoint in list(self._field.endpoints):
            self._measured(endpoint, WARM_UP_CLIENTS, WARM_UP_SECONDS)

    def run(self, plan: Plan, folder: Path) -> None:
        """Measure every endpoint in every round with every number of clients."""
        for number, order in enumerate(turns(self._field.endpoints, plan.rounds), 1):
            if any(each.kind is EndpointKind.FLOOR for each in order):
                self.results.graph.append(onnx_runtime_alone(self._subject, folder, plan.seconds))
            for clients in plan.clients:
                for endpoint in order:
                    if cell := self._measured(endpoint, clients, plan.seconds):
                        self.results.cells.setdefault((endpoint.name, clients), []).append(cell)
                say(f"  round {number} of {plan.rounds}, {clients} client(s) done")

    def _measured(self, endpoint: Endpoint, clients: int, seconds: float) -> Cell | None:
        if endpoint not in self._field.endpoints:
            return None
        try:
            load = Load(endpoint.target, clients, seconds)
            cell = measure(self._generator, endpoint, load, self._subject)
        except Conflict as error:
            if endpoint.kind is EndpointKind.OURS:
                raise
            self._field.absent[endpoint.name] = str(error)
            self._field.endpoints.remove(endpoint)
            return None
        if endpoint.kind is EndpointKind.OURS:
            self.results.answers += cell.requests
        return cell


def _logged_once(home: StackHome, answers: int) -> bool:
    ids = home.logged(["prediction_id"])["prediction_id"]
    good = len(ids) == pc.count_distinct(ids).as_py() == answers
    verdict = "ok" if good else "FAIL"
    note(f"{answers:,} responses of ours, {len(ids):,} records in the log: {verdict}")
    return good
