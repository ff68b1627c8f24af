"""Our path in another checkout (`--before FOLDER`), so that two versions share one run."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from platform_core.errors import Unavailable
from platform_core.testing.machine import child_environment
from serving.endpoint import Endpoint, EndpointKind, from_field
from serving.environments import PINS
from serving.subject import Subject
from serving.target import Target

NAME = "before"


@dataclass(frozen=True)
class OtherCheckout:
    """The checkout in `root`, after `make setup`; it trains and serves a release of its own."""

    root: Path
    name: str = NAME
    names: tuple[str, ...] = (NAME,)

    @contextmanager
    def serve(self, subject: Subject, folder: Path) -> Iterator[list[Endpoint]]:
        """Run gateway and inference service of the checkout until the block ends."""
        del subject
        root, log = self.root.resolve(), folder / f"{self.name}.log"
        command = [str(root / ".venv" / "bin" / "python"), str(PINS / "other_checkout.py")]
        environment = {"PLATFORM_ROOT": str(root), "PYTHONPATH": str(root / "benchmarks")}
        with (
            log.open("wb") as errors,
            subprocess.Popen(
                command,
                cwd=root,
                env=child_environment(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
            ) as process,
        ):
            yield [self._endpoint(_last_line(process, log))]

    def _endpoint(self, described: dict) -> Endpoint:
        requests = [request.encode() for request in described["requests"]]
        return Endpoint(
            self.name,
            "ours, before",
            EndpointKind.CONTEXT,
            Target("127.0.0.1", described["port"], requests),
            described["processes"],
            from_field,
            np.array(described["expected"]),
        )


def _last_line(process: subprocess.Popen, log: Path) -> dict:
    """Return the description among the lines that the program prints.

    Raises:
        Unavailable: it ended without one.
    """
    for line in process.stdout:
        if line.startswith(b"{"):
            return json.loads(line)
    raise Unavailable(f"it ended at once: {log.read_text().strip().splitlines()[-1:]}")
