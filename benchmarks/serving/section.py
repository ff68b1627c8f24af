"""`serving`: the whole governed path beside bare model servers, on the same core and graph."""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench_report import say

from platform_core.errors import Conflict
from serving.cells import Cell, measure, turns
from serving.contestants import NAMES, OTHERS, Field, Ours, started
from serving.endpoint import Endpoint, Kind
from serving.floor import onnx_runtime_alone
from serving.ours import Home
from serving.processes import LoadGenerator, load_generator
from serving.report import show
from serving.results import Plan, Results
from serving.subject import Subject, build
from serving.target import Load

CLIENTS = (1, 16, 64)
ROUNDS, QUICK_ROUNDS = 5, 2
SECONDS, QUICK_SECONDS = 3.0, 0.7
WARM_UP_SECONDS, WARM_UP_CLIENTS = 0.5, 4


def run(options: argparse.Namespace) -> bool:
    """Measure the endpoints; true when every answer of ours was right."""
    plan = Plan(
        options.clients or CLIENTS,
        options.rounds or (QUICK_ROUNDS if options.quick else ROUNDS),
        options.seconds or (QUICK_SECONDS if options.quick else SECONDS),
    )
    wanted = options.only or NAMES
    with prepared() as (home, online, subject, generator):
        contestants = (Ours(home, online), *OTHERS)
        with started(contestants, subject, home.folder, wanted) as field_:
            _warm_up(generator, field_, subject)
            results = _rounds(generator, field_, subject, plan, home.folder)
            show(field_, results, plan)
    return True


@contextmanager
def prepared() -> Iterator[tuple[Home, dict[str, int], Subject, LoadGenerator]]:
    """Give a home with a release in it, its online store's process, and a load generator."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Home(Path(folder))
        home.prepare()
        with home.online_server() as online, load_generator() as generator:
            subject = build(home.folder, home.store, home.online_store)
            say(f"release {subject.release.id}: {len(subject.mails)} mails")
            yield home, online, subject, generator


def _warm_up(generator: LoadGenerator, field_: Field, subject: Subject) -> None:
    for endpoint in list(field_.endpoints):
        load = Load(endpoint.target, WARM_UP_CLIENTS, WARM_UP_SECONDS)
        _measured(generator, endpoint, load, subject, field_)


def _rounds(
    generator: LoadGenerator, field_: Field, subject: Subject, plan: Plan, folder: Path
) -> Results:
    results = Results()
    for number, order in enumerate(turns(field_.endpoints, plan.rounds), 1):
        if any(each.kind is Kind.FLOOR for each in order):
            results.graph.append(onnx_runtime_alone(subject, folder, plan.seconds))
        for clients in plan.clients:
            for endpoint in order:
                if endpoint not in field_.endpoints:
                    continue
                load = Load(endpoint.target, clients, plan.seconds)
                if cell := _measured(generator, endpoint, load, subject, field_):
                    results.cells.setdefault((endpoint.name, clients), []).append(cell)
            say(f"  round {number} of {plan.rounds}, {clients} client(s) done")
    return results


def _measured(
    generator: LoadGenerator, endpoint: Endpoint, load: Load, subject: Subject, field_: Field
) -> Cell | None:
    """Return a cell; a peer that fails or answers wrong is out, for the reason it gives."""
    try:
        return measure(generator, endpoint, load, subject)
    except Conflict as error:
        if endpoint.kind is Kind.OURS:
            raise
        field_.absent[endpoint.name] = str(error)
        field_.endpoints.remove(endpoint)
        return None
