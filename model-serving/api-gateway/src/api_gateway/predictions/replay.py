"""Computing a logged prediction again, in a process with a time limit."""

import asyncio
import sys
from asyncio.subprocess import PIPE

from pydantic import BaseModel

from api_gateway.errors import Overloaded
from platform_core.contracts.inference_record import InferenceRecord

WORKER = (sys.executable, "-m", "records.replaying")
SECONDS = 20.0
MAX_REASON = 500


class ReplayedPrediction(BaseModel):
    """The same record, computed by the release that answered.

    `features` and `probabilities` are absolute differences by column and class (for regression by
    predicted number), null where only one side is a finite number; `predictions` is 1 when the
    answer differs; `rows` is 0 when the log lacks a value that is needed. `problem` says why it
    could not be computed.
    """

    rows: int = 0
    incomplete: int = 0
    features: dict[str, float | None] = {}
    probabilities: dict[str, float | None] = {}
    predictions: int = 0
    problem: str | None = None


class Replays:
    """Computes one record at a time; each loads a release and takes a core for seconds."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._busy = asyncio.Lock()

    async def replay(self, record: InferenceRecord) -> ReplayedPrediction:
        """Return the differences, or the reason why there are none.

        Raises:
            Overloaded: another record is being computed.
        """
        if self._busy.locked():
            raise Overloaded("another prediction is being replayed; retry shortly")
        async with self._busy:
            return await self._compute(record)

    async def _compute(self, record: InferenceRecord) -> ReplayedPrediction:
        process = await asyncio.create_subprocess_exec(
            *WORKER, stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        try:
            async with asyncio.timeout(self._seconds):
                output, errors = await process.communicate(record.model_dump_json().encode())
        except TimeoutError:
            return ReplayedPrediction(problem=f"not finished after {self._seconds:g} s")
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            *_, reason = errors.decode(errors="replace").strip().rpartition("\n")
            return ReplayedPrediction(problem=reason[:MAX_REASON] or "the worker failed")
        return ReplayedPrediction.model_validate_json(output)
