"""An installation whose changes of serving states can be made to fail at every step."""

import contextlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count, groupby

from platform_core.adapters.blob_store.local import LocalBlobStore
from platform_core.adapters.registry.memory import MemoryRegistry
from platform_core.clock import ManualClock
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, ChangeRequest
from platform_core.contracts.serving_state import ServingRole
from platform_core.errors import PlatformError, Refused, UpstreamUnavailable
from platform_core.ledger import Ledger
from releases.changes import NeededServices, RegistryRecords, ReleaseService, Servers
from releases.deployers import DeployableRelease
from releases.deployers.memory import MemoryDeployer

PRODUCTION = Environment.PRODUCTION
STABLE = ServingRole.STABLE
CLOCK = ManualClock(datetime(2026, 1, 5, 12, tzinfo=UTC))
BEFORE, AFTER, FAILS, LOST = "killed before", "killed after", "fails", "response lost"
FAULTS = (BEFORE, AFTER, FAILS, LOST)


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
    "is_ready": "ask whether the service is ready",
    "is_stable": "ask what the plain name is",
    "ensure": "start the service",
    "set_stable": "set the plain name",
    "prune": "remove services",
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
    if "_gateways" in path:
        return "read what gateways have read"
    kinds = {"models": "releases", "baselines": "the baseline"}
    what = kinds.get(path.split("/")[0], "the test rows")
    return f"{'list' if method == 'list' else 'read'} {what}"


@dataclass
class Smoke:
    deployer: MemoryDeployer
    script: Script

    def check(self, case, environment, release_id, role):
        served = self.deployer.scorer(environment, case.name, release_id, role)
        if self.script.refuse or served is None:
            raise Refused("smoke test: wrong answer")


@dataclass
class Installation:
    """One store with its registry and servers; production serves what the ledger names."""

    store: LocalBlobStore
    ids: dict
    number: count = field(default_factory=count)

    def __post_init__(self):
        self.registry = MemoryRegistry()
        self.deployer = MemoryDeployer(self.store)

    def serve(self, name):
        """Have production's servers serve one release, whatever the ledger says."""
        self.deployer.prune(PRODUCTION, "iris", ())
        self.deployer.set_stable(PRODUCTION, "iris", None)
        if name:
            release = DeployableRelease("iris", self.ids[name], "")
            self.deployer.ensure(PRODUCTION, release, STABLE)
            self.deployer.set_stable(PRODUCTION, "iris", release)

    def service(self, script):
        smoke = Smoke(self.deployer, script)
        store, registry, deployer, checks = (
            Port(script, port) for port in (self.store, self.registry, self.deployer, smoke)
        )
        ledger = Ledger(store, CLOCK)
        records = RegistryRecords(store, registry, ledger)
        needed = NeededServices(store, CLOCK, timedelta(0))
        servers = Servers(store, deployer, records, ledger, needed)
        return ReleaseService(store, ledger, servers, checks, records)

    def apply(self, service, action, release=None, percent=None):
        """Apply a change as the release controller does; return how it ended."""
        request = ChangeRequest(
            change_id=f"c{next(self.number)}",
            created_at=CLOCK.now(),
            use_case="iris",
            environment=PRODUCTION,
            action=action,
            release_id=self.ids[release] if release else None,
            percent=percent,
            actor="tester",
            reason="because",
        )
        status = service.apply(request).status
        with contextlib.suppress(PlatformError):
            service.update_records("iris")
        return status.value

    def name(self, release):
        return next((name for name, known in self.ids.items() if known == release), "nothing")

    def state(self):
        """Return what the services, the ledger and the alias say, in words."""
        running = self.deployer.running(PRODUCTION, "iris")
        ledger = Ledger(self.store, CLOCK).state("iris", PRODUCTION)
        alias = self.registry.alias("iris", "production")
        stable = next((r for r in self.ids.values() if self.is_plain(r)), None)
        return State(
            frozenset((self.name(release), role) for release, role in running),
            self.name(stable),
            frozenset((self.name(release), role) for role, release in ledger.releases.items()),
            self.name(alias.release_id if alias else None),
        )

    def is_plain(self, release):
        return self.deployer.is_stable(PRODUCTION, "iris", release)

    def run(self, command, script):
        """Run a command; return how it ended."""
        try:
            return command(self, self.service(script))
        except Killed:
            return "killed"
        except Refused:
            return "refused"
        except PlatformError:
            return "failed"


@dataclass(frozen=True)
class State:
    """What runs (release name, role), what the plain name answers with, what the ledger names
    (release name, role), and the alias.
    """

    running: frozenset
    plain: str
    named: frozenset
    alias: str

    @property
    def stable(self):
        return next((name for name, role in self.named if role is STABLE), "nothing")

    @property
    def serves(self):
        """Whether every release that the ledger names is served."""
        return self.named <= self.running

    @property
    def agrees(self):
        return self.running == self.named and self.plain == self.alias == self.stable

    def __str__(self):
        words = shown(self.named)
        if self.agrees:
            return words
        parts = [f"ledger {words}"]
        if self.running != self.named:
            parts.append(f"services {shown(self.running)}")
        if self.plain != self.stable:
            parts.append(f"plain name {self.plain}")
        if self.alias != self.stable:
            parts.append(f"alias {self.alias}")
        return ", ".join(parts)


def shown(pairs):
    ordered = sorted(pairs, key=lambda pair: (list(ServingRole).index(pair[1]), pair[0]))
    words = [name if role is STABLE else f"{role} {name}" for name, role in ordered]
    return " + ".join(words) or "nothing"


def promote(installation, service):
    return installation.apply(service, Action.PROMOTE, "new")


def promote_canary(installation, service):
    return installation.apply(service, Action.PROMOTE)


def canary(installation, service):
    return installation.apply(service, Action.CANARY, "new", 10)


def shadow(installation, service):
    return installation.apply(service, Action.SHADOW, "new")


def abort(installation, service):
    return installation.apply(service, Action.ABORT)


def roll_back(installation, service):
    return installation.apply(service, Action.ROLLBACK)


def reconcile(installation, service):
    """Do what the release controller does every few seconds."""
    problems = service.reconcile("iris", PRODUCTION).problems
    service.update_records("iris")
    return "failed" if problems else "done"


def repair(installation, service):
    return "failed" if service.repair("iris").problems else "done"
