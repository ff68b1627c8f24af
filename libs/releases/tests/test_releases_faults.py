"""Every step of a change is interrupted or fails, and every record it uses is missing or wrong.

The steps are those that a change without faults takes, so a new step is tested without a new line
here. The outcomes are the tables of `docs/reference/change-faults.md`; to write the page again, run
this module with `WRITE_REFERENCE=1` in the environment.
"""

import os
import shutil
from functools import cache
from itertools import count, groupby
from pathlib import Path

import pytest
from change_faults import (
    AFTER,
    FAULTS,
    LOST,
    PRODUCTION,
    STABLE,
    STEPS,
    Installation,
    Script,
    abort,
    canary,
    promote,
    promote_canary,
    reconcile,
    repair,
    roll_back,
    shadow,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.registry.memory import MemoryRegistry
from platform_core.contracts.ledger import Action
from platform_core.errors import ReleaseRefused
from platform_core.storage import baseline_path, ledger_entry_path, release_path
from scoring.release import model_file
from scoring.testing import store_test_rows

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "change-faults.md"
READS = ("read", "ask", "list")
NAMES = ("first", "old", "new", "other")
PROMOTED = ("promote first", "promote old")
SCENARIOS = {
    "promote": (promote, False, PROMOTED),
    "promote, and the smoke test fails": (promote, True, PROMOTED),
    "first promotion, and the smoke test fails": (promote, True, ()),
    "canary": (canary, False, PROMOTED),
    "canary, and the smoke test fails": (canary, True, PROMOTED),
    "promotion of the canary": (promote_canary, False, (*PROMOTED, "canary new")),
    "abort of the canary": (abort, False, (*PROMOTED, "canary new")),
    "shadow": (shadow, False, PROMOTED),
    "rollback": (roll_back, False, ("promote old", "promote new")),
    "rollback, and the smoke test fails": (roll_back, True, ("promote old", "promote new")),
}


@pytest.fixture(scope="module")
def installations(tmp_path_factory, make_release):
    """Return a function that makes an installation whose production has gone through changes."""
    root = tmp_path_factory.mktemp("faults")
    numbers = count()

    @cache
    def template(history):
        folder = root / f"template-{next(numbers)}"
        store = LocalBlobStore(folder)
        ids = {name: make_release(store, "iris", seed).id for seed, name in enumerate(NAMES)}
        store_test_rows(store, "iris")
        made = Installation(store, ids)
        for step in history:
            action, release = step.split()
            percent = 10 if action == "canary" else None
            assert made.apply(made.service(Script()), Action(action), release, percent) == "applied"
        return folder, ids

    def installation(history):
        folder, ids = template(history)
        copy = root / f"copy-{next(numbers)}"
        shutil.copytree(folder, copy)
        made = Installation(LocalBlobStore(copy), ids, count(len(history)))
        assert made.run(repair, Script()) == "done"
        return made

    return installation


@pytest.fixture(scope="module")
def page():
    """Collect the lines of the page; the last test of this module compares them with it."""
    return {}


def steps_of(installations, scenario):
    """Return the steps that a scenario takes without a fault: name and occurrence."""
    command, refuse, history = SCENARIOS[scenario]
    script = Script(refuse=refuse)
    installations(history).run(command, script)
    runs = [name for name, _ in groupby(script.trace)]
    return [(name, runs[: index + 1].count(name)) for index, name in enumerate(runs)]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_after_a_fault_the_controller_makes_services_and_ledger_agree(
    scenario, installations, page
):
    command, refuse, history = SCENARIOS[scenario]
    for step, occurrence in steps_of(installations, scenario):
        cells = []
        for fault in FAULTS:
            if fault in (AFTER, LOST) and step.startswith(READS):
                cells.append("as before" if fault == AFTER else "")
                continue
            where = f"{scenario}: {step} {occurrence} {fault}"
            installation = installations(history)
            outcome = installation.run(command, Script(step, occurrence, fault, refuse))
            state = installation.state()
            # Whatever happened, everything that the ledger names is served.
            assert state.serves, where
            assert installation.run(reconcile, Script()) == "done", where
            after = installation.state()
            assert after.agrees, f"{where}: {after}"
            assert after.named == state.named, where
            then = "" if state == after else f" → {after}"
            cells.append(f"{outcome}: {state}{then}")
            if outcome == "killed" and not step.startswith(READS):
                repeated = installations(history)
                repeated.run(command, Script(step, occurrence, fault, refuse))
                repeated.run(command, Script(refuse=refuse))
                repeated.run(reconcile, Script())
                assert repeated.state().agrees, where
        page.setdefault(scenario, []).append(f"| {step} ({occurrence}) | {' | '.join(cells)} |")


def stored(path_of, content):
    """Write a blob; `None` deletes it, and a name takes the model of that release."""

    def apply(installation):
        store, ids = installation.store, installation.ids
        if content is None:
            store.delete(path_of(ids))
        else:
            data = store.read(model(content)(ids)) if content in ids else content
            store.write(path_of(ids), data)

    return apply


def model(name, file=None):
    return lambda ids: f"{release_path('iris', ids[name])}/{file or model_file('iris')}"


def baseline(ids):
    return baseline_path("iris", ids["new"])


def ledger_entry(number):
    return lambda _: ledger_entry_path("iris", PRODUCTION, number)


def lose(name):
    def apply(installation):
        folder = release_path("iris", installation.ids[name])
        for blob in list(installation.store.list(folder)):
            installation.store.delete(blob.path)

    return apply


def alias(name):
    def apply(installation):
        registry = installation.registry
        registry.register("iris", "not-a-release", "", PAGE.parent / "errors.md", None, {})
        release = installation.ids.get(name, "not-a-release")
        version = registry.find("iris", release).version if name != "nothing" else None
        registry.set_alias("iris", "production", version)

    return apply


RECORDS = {
    "all MLflow versions are missing": lambda i: setattr(i, "registry", MemoryRegistry()),
    "the alias is missing": alias("nothing"),
    "the alias is stale": alias("first"),
    "the alias names a foreign version": alias("foreign"),
    "the servers serve nothing": lambda i: i.serve(None),
    "the servers serve a stale release": lambda i: i.serve("first"),
    "the servers serve a foreign release": lambda i: i.serve("other"),
    "the new release is missing": lose("new"),
    "the new release is damaged": stored(model("new"), b"damaged"),
    "the new release has a foreign model": stored(model("new"), "other"),
    "the new release has no lineage": stored(model("new", "lineage.json"), None),
    "the old release is missing": lose("old"),
    "the old release is damaged": stored(model("old"), b"damaged"),
    "the baseline is missing": stored(baseline, None),
    "the baseline is foreign": stored(baseline, b"another"),
    "the last ledger entry is missing": stored(ledger_entry(2), None),
    "the first ledger entry is missing": stored(ledger_entry(1), None),
    "a ledger entry is unreadable": stored(ledger_entry(2), b"{"),
}
COMMANDS = {"promote": promote, "canary": canary, "rollback": roll_back, "release repair": repair}


@pytest.mark.parametrize("record", RECORDS)
def test_a_missing_foreign_or_stale_record_does_not_keep_services_and_ledger_apart(
    record, installations, page
):
    cells = []
    for name, command in COMMANDS.items():
        installation = installations(PROMOTED)
        RECORDS[record](installation)
        outcome = installation.run(command, Script())
        cells.append(f"{outcome}: {after_reconciling(installation, f'{record}: {name}')}")
    page.setdefault("records", []).append(f"| {record} | {' | '.join(cells)} |")


def after_reconciling(installation, where):
    """Return the state in words, and what the controller leaves if they differ."""
    try:
        state = installation.state()
    except ReleaseRefused:
        assert ("old", STABLE) in {
            (installation.name(release), role)
            for release, role in installation.deployer.running(PRODUCTION, "iris")
        }, where
        return "old, the ledger is broken"
    installation.run(reconcile, Script())
    after = installation.state()
    assert after.serves or not state.serves, where
    return str(state) if state == after else f"{state} → {after}"


ACTIONS = st.sampled_from(
    [promote, promote_canary, canary, shadow, abort, roll_back, reconcile, repair]
)
FAULT = st.tuples(
    st.sampled_from([*sorted(set(STEPS.values())), "append to the ledger", "read the ledger", ""]),
    st.integers(1, 2),
    st.sampled_from(FAULTS),
    st.booleans(),
)


@settings(max_examples=25, deadline=None)
@given(changes=st.lists(st.tuples(ACTIONS, FAULT), max_size=6))
def test_after_any_sequence_of_changes_and_faults_one_stable_release_serves(changes, installations):
    installation = installations(("promote first",))
    for command, fault in changes:
        installation.run(command, Script(*fault))
        state = installation.state()
        assert state.serves
        assert [role for _, role in state.named].count(STABLE) == 1
    assert installation.run(reconcile, Script()) == "done"
    assert installation.state().agrees


HEAD = """# Faults during a change of what is served

Generated by `libs/releases/tests/test_releases_faults.py`, which runs every step with every fault:
run it with `WRITE_REFERENCE=1` to write this page again.

Production has served the releases `first` and `old`; a change is about to serve `new`, and a
rollback returns from `new` to `old`. A cell says how the change ended and what is served
afterwards. `old + canary new` alone means that the services, the plain name, the ledger and the
alias in MLflow agree; else each is named. `→` is what the release controller leaves within seconds.
A change that was killed is open, and the controller applies it again.

- *killed before*, *killed after*: the process ends before or after the step took effect
- *fails*: the step's server does not answer
- *response lost*: the server did the step, and its answer is lost

"""


def test_the_page_is_current(page):
    if set(page) != {*SCENARIOS, "records"}:
        pytest.skip("only some of the tests that fill the page were run")
    head = f"| step | {' | '.join(FAULTS)} |\n|{'---|' * (len(FAULTS) + 1)}\n"
    parts = [f"## {name}\n\n{head}" + "\n".join(page[name]) for name in SCENARIOS]
    head = f"| record | {' | '.join(COMMANDS)} |\n|{'---|' * (len(COMMANDS) + 1)}\n"
    parts.append(f"## Missing, foreign and stale records\n\n{head}" + "\n".join(page["records"]))
    content = HEAD + "\n\n".join(parts) + "\n"
    if os.environ.get("WRITE_REFERENCE"):
        PAGE.write_text(content)
    assert PAGE.read_text() == content
