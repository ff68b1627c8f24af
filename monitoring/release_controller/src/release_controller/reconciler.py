"""Makes the servers agree with the ledger, use case by use case."""

import logging
from collections.abc import Callable, Iterable

from platform_core.contracts.environments import Environment
from platform_core.errors import PlatformError
from release_controller.metrics import PROBLEMS, REPAIRS, begin_counting
from releases.changes import ReleaseService

logger = logging.getLogger(__name__)


class Reconciler:
    """Repairs what the servers of any use case serve, and removes what is not needed any more."""

    def __init__(self, service: ReleaseService, use_cases: Callable[[], Iterable[str]]) -> None:
        self._service = service
        self._use_cases = use_cases
        self._reported: dict[tuple[str, Environment], list[str]] = {}

    def step(self) -> None:
        """Reconcile every environment of every use case, whatever happens in one of them."""
        for use_case in self._use_cases():
            for environment in Environment:
                begin_counting(use_case, environment)
                self._reconcile(use_case, environment)

    def _reconcile(self, use_case: str, environment: Environment) -> None:
        try:
            agreement = self._service.reconcile(use_case, environment)
            changed, problems = agreement.changed, agreement.problems
        except PlatformError as error:
            changed, problems = [], [str(error)]
        for line in changed:
            logger.info("repaired: %s", line)
        REPAIRS.labels(use_case, environment).inc(len(changed))
        PROBLEMS.labels(use_case, environment).set(len(problems))
        place = (use_case, environment)
        if problems != self._reported.get(place, []):  # once, not every few seconds
            for problem in problems:
                logger.warning("%s in %s differs from the ledger: %s", *place, problem)
            self._reported[place] = problems
