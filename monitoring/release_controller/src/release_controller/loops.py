"""Loops that repeat a step until the program ends, whatever the step raises."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Event, Thread

from platform_core.clock import Clock
from platform_core.errors import PlatformError
from release_controller.metrics import LAST_STEP

logger = logging.getLogger(__name__)


@dataclass
class Loop:
    """Repeats `step` every `seconds`."""

    name: str
    step: Callable[[], object]
    seconds: float
    clock: Clock
    last: datetime | None = field(default=None, init=False)

    def run(self, stop: Event) -> None:
        """Repeat the step until `stop` is set; errors are logged."""
        while not stop.is_set():
            try:
                self.step()
                self.last = self.clock.now()
                LAST_STEP.labels(self.name).set(self.last.timestamp())
            except PlatformError as error:
                logger.warning("%s: %s", self.name, error)
            except Exception:  # the top of this task; the next step may work
                logger.exception("%s failed", self.name)
            stop.wait(self.seconds)

    def start(self, stop: Event) -> None:
        """Run in a thread that ends with the program."""
        Thread(target=self.run, args=(stop,), name=self.name, daemon=True).start()

    def is_alive(self, within: timedelta) -> bool:
        """Return whether a step was completed within this time."""
        return self.last is not None and self.clock.now() - self.last <= within
