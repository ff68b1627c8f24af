"""Every step of a change is interrupted or fails, and every record it uses is missing or wrong.

The steps are those that a change without faults takes, so a new step is tested without a new line
here. The outcomes are the tables of `docs/reference/change-faults.md`; to write the page again, run
this module with `WRITE_REFERENCE=1` in the environment.
"""

import os
import shutil
from dataclasses import dataclass, field
from functools import cache
from itertools import count, groupby
from pathlib import Path

import pytest

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.registry.memory import MemoryRegistry
from platform_core.clock import SystemClock
from platform_core.contracts.environments import Environment
from platform_core.errors import PlatformError, Refused, ReleaseRefused, UpstreamUnavailable
from platform_core.ledger import Ledger
from platform_core.storage import baseline_path, ledger_entry_path, release_path
from releases.changes import ReleaseService
from releases.deployers.environment_memory import EnvironmentMemoryDeployer
from scoring.release import model_file

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "change-faults.md"
PRODUCTION = Environment.PRODUCTION
AUDIT = {"actor": "tester", "reason": "because"}
BEFORE, AFTER, FAILS, LOST = "killed before", "killed after", "fails", "response lost"
FAULTS = (BEFORE, AFTER, FAILS, LOST)
READS = ("read", "ask", "list")
NAMES = ("first", "old", "new", "other")


class Killed(BaseException):
    """The process is gone: no later call has an effect."""


@dataclass
class Script:
    """Lets one step of a change fail: the first call of its `occurrence`-th run of calls."""

    step: str = ""
    occurrence: int = 0
    fault: str = ""
    refuse: bool = False
    trace: list = field(default_factory=list)
    dead: bool = False

    def run(self, step, action):
        if self.dead:
            raise Killed
        begins = not self.trace or self.trace[-1] != step
        self.trace.append(step)
        run = sum(name == step for name, _ in groupby(self.trace))
        if not (begins and (step, run) == (self.step, self.occurrence)):
            return action()
        self.dead = self.fault in (BEFORE, AFTER)
        if self.fault in (AFTER, LOST):
            action()
        raise Killed if self.dead else UpstreamUnavailable("the server does not answer")


STEPS = {
    "versions": "read the versions",
    "alias": "read the alias",
    "set_alias": "set the alias",
    "register": "register a version",
    "serves_only": "ask what is served",
    "deploy": "deploy",
    "withdraw": "withdraw",
    "check": "smoke test",
}


class Port:
    """A port whose calls are the steps of a script."""

    def __init__(self, script, port):
        self._script, self._port = script, port

    def __getattr__(self, name):
        value = getattr(self._port, name)
        step = STEPS.get(name)
        if name == "uri" or not (step or isinstance(self._port, LocalBlobStore)):
            return value

        def call(*arguments, **named):
            return self._script.run(
                step or blob_step(name, arguments[0]), lambda: value(*arguments, **named)
            )

        return call


def blob_step(method, path):
    if "_ledger" in path:
        return "append to the ledger" if method == "create" else "read the ledger"
    kinds = {"models": "releases", "baselines": "the baseline"}
    what = kinds.get(path.split("/")[0], "the test rows")
    return f"{'list' if method == 'list' else 'read'} {what}"


@dataclass
class Smoke:
    deployer: EnvironmentMemoryDeployer
    script: Script

    def check(self, case, environment, release_id):
        if self.script.refuse or self.deployer.served(case.name, environment) != release_id:
            raise Refused("smoke test: wrong answer")


@dataclass
class Installation:
    """One store with its registry and servers; production serves what the ledger names."""

    store: LocalBlobStore
    ids: dict

    def __post_init__(self):
        self.registry = MemoryRegistry()
        self.deployer = EnvironmentMemoryDeployer(self.store)

    def serve(self, name):
        """Have production's server serve a release, whatever the ledger says."""
        self.deployer.withdraw("iris", PRODUCTION)
        if name:
            self.deployer.deploy("iris", PRODUCTION, self.ids[name], "", "")

    def service(self, script):
        smoke = Smoke(self.deployer, script)
        store, registry, deployer, checks = (
            Port(script, port) for port in (self.store, self.registry, self.deployer, smoke)
        )
        ledger = Ledger(store, SystemClock())
        return ReleaseService(store, registry, deployer, checks, ledger)

    def name(self, release):
        return next((name for name, known in self.ids.items() if known == release), "nothing")

    def state(self):
        """Return the names of what is served, what the ledger names and what the alias names."""
        alias = self.registry.alias("iris", "production")
        served = self.deployer.served("iris", PRODUCTION)
        active = Ledger(self.store, SystemClock()).active("iris", PRODUCTION)
        return tuple(map(self.name, (served, active, alias.release_id if alias else None)))

    def run(self, command, script):
        """Run a command; return how it ended."""
        service = self.service(script)
        try:
            command(service, self.ids)
        except Killed:
            return "killed"
        except Refused:
            return "refused"
        except PlatformError:
            return "failed"
        return "done"


def promote(service, ids):
    service.promote("iris", ids["new"], **AUDIT)


def roll_back(service, _):
    service.rollback("iris", PRODUCTION, **AUDIT)


def repair(service, _):
    if service.repair("iris").problems:
        raise UpstreamUnavailable("not everything could be repaired")


SCENARIOS = {
    "promote": (promote, False, ("first", "old")),
    "promote, and the smoke test fails": (promote, True, ("first", "old")),
    "first promotion, and the smoke test fails": (promote, True, ()),
    "rollback": (roll_back, False, ("old", "new")),
    "rollback, and the smoke test fails": (roll_back, True, ("old", "new")),
}


@pytest.fixture(scope="module")
def installations(tmp_path_factory, make_release, write_test_rows):
    """Return a function that makes an installation whose production has served the releases."""
    root = tmp_path_factory.mktemp("faults")
    numbers = count()

    @cache
    def template(served):
        folder = root / f"template-{next(numbers)}"
        store = LocalBlobStore(folder)
        ids = {name: make_release(store, "iris", seed).id for seed, name in enumerate(NAMES)}
        write_test_rows(store)
        installation = Installation(store, ids)
        for name in served:
            installation.service(Script()).promote("iris", ids[name], **AUDIT)
        return folder, ids

    def installation(served):
        folder, ids = template(served)
        copy = root / f"copy-{next(numbers)}"
        shutil.copytree(folder, copy)
        made = Installation(LocalBlobStore(copy), ids)
        made.serve(served[-1] if served else None)
        made.service(Script()).repair("iris")
        return made

    return installation


@pytest.fixture(scope="module")
def page():
    """Collect the lines of the page; the last test of this module compares them with it."""
    return {}


def steps_of(installations, scenario):
    """Return the steps that a scenario takes without a fault: name and occurrence."""
    command, refuse, served = SCENARIOS[scenario]
    script = Script(refuse=refuse)
    installations(served).run(command, script)
    runs = [name for name, _ in groupby(script.trace)]
    return [(name, runs[: index + 1].count(name)) for index, name in enumerate(runs)]


def text(state):
    """Return a state for the table: one name if all agree."""
    served, active, alias = state
    return served if len({*state}) == 1 else f"{served}, ledger {active}, alias {alias}"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_after_a_fault_server_and_ledger_agree_or_the_next_command_repairs(
    scenario, installations, page
):
    command, refuse, served = SCENARIOS[scenario]
    for step, occurrence in steps_of(installations, scenario):
        cells = []
        for fault in FAULTS:
            if fault in (AFTER, LOST) and step.startswith(READS):
                cells.append("as before" if fault == AFTER else "")
                continue
            where = f"{scenario}: {step} {occurrence} {fault}"
            installation = installations(served)
            outcome = installation.run(command, Script(step, occurrence, fault, refuse))
            state = installation.state()
            assert state[0] == state[1] or outcome == "killed" or refuse, where
            assert installation.run(repair, Script()) == "done", where
            after = installation.state()
            assert after == (state[1],) * 3, where
            then = "" if state == after else f" → {text(after)}"
            cells.append(f"{outcome}: {text(state)}{then}")
            if not step.startswith(READS):
                repeated = installations(served)
                repeated.run(command, Script(step, occurrence, fault, refuse))
                repeated.run(command, Script(refuse=refuse))
                assert len(set(repeated.state())) == 1, where
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
    "the server serves nothing": lambda i: i.serve(None),
    "the server serves a stale release": lambda i: i.serve("first"),
    "the server serves a foreign release": lambda i: i.serve("other"),
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
COMMANDS = {
    "promote": (promote, False),
    "promote, and the smoke test fails": (promote, True),
    "rollback": (roll_back, False),
    "release repair": (repair, False),
}


@pytest.mark.parametrize("record", RECORDS)
def test_a_missing_foreign_or_stale_record_does_not_keep_server_and_ledger_apart(
    record, installations, page
):
    cells = []
    for command, (run, refuse) in COMMANDS.items():
        installation = installations(("first", "old"))
        installation.serve("old")
        RECORDS[record](installation)
        outcome = installation.run(run, Script(refuse=refuse))
        cells.append(f"{outcome}: {after_next_command(installation, f'{record}: {command}')}")
    page.setdefault("records", []).append(f"| {record} | {' | '.join(cells)} |")


def after_next_command(installation, where):
    """Return the state as text; where server and ledger differ, after the next command as well."""
    try:
        state = installation.state()
    except ReleaseRefused:
        served = installation.name(installation.deployer.served("iris", PRODUCTION))
        assert served == "old", where
        return f"{served}, the ledger is broken"
    if state[0] == state[1]:
        return text(state)
    for name, command in (("release repair", repair), ("rollback", roll_back)):
        installation.run(command, Script())
        after = installation.state()
        if after[0] == after[1]:
            return f"{text(state)} → {name}: {text(after)}"
    raise AssertionError(f"{where}: {state}, and then {after}")


HEAD = """# Faults during a change of what is served

Generated by `libs/releases/tests/test_releases_faults.py`, which runs every step with every fault:
run it with `WRITE_REFERENCE=1` to write this page again.

Production has served the releases `first` and `old`; a promotion is about to serve `new`, and a
rollback returns from `new` to `old`. A cell says how the command ended and what is served
afterwards. One name means that the server, the ledger and the alias in MLflow agree. `→` is what
`mlplatform release repair` leaves; the next promotion or rollback repairs the same first.

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
