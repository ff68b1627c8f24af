"""Scoring chunks as Ray tasks."""

import logging
import signal
import socket
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager

import ray
from ray.exceptions import RayError, RayTaskError

from batch_inference.chunk_scorer import ChunkScorer, Poll, ScoredChunk, ScoringPlan
from batch_inference.input.reader import Chunk
from batch_inference.interruption import Interrupted
from platform_core.errors import UpstreamUnavailable

WAIT_SECONDS = 1.0
CONNECT_SECONDS = 10
TASK_RETRIES = 2
# One per worker process: loading a release takes longer than scoring a chunk.
_loaded: dict[str, ChunkScorer] = {}


class RayExecutor:
    """Runs tasks of one CPU each on the cluster at `address`, at most `in_flight` at a time.

    This process reads the input and writes the output; the tasks compute. The cluster's
    processes need the same code. Ray itself reads the token from `RAY_AUTH_MODE` and
    `RAY_AUTH_TOKEN_PATH`.
    """

    def __init__(self, address: str, in_flight: int) -> None:
        self._address = address
        self._in_flight = in_flight

    def map(self, plan: ScoringPlan, chunks: Iterable[Chunk], poll: Poll) -> Generator[ScoredChunk]:
        """Yield one result per chunk, in order.

        Raises:
            UpstreamUnavailable: the cluster cannot be reached or lost its workers.
        """
        with _connected(self._address), _translated():
            # In a list, because Ray would resolve a bare reference for every task.
            shared = [ray.put(plan)]
            release_id = plan.release.id
            waiting: deque[ray.ObjectRef[ScoredChunk]] = deque()
            for chunk in chunks:
                waiting.append(_score.remote(release_id, shared, chunk))
                if len(waiting) >= self._in_flight:
                    yield _result(waiting.popleft(), poll)
            while waiting:
                yield _result(waiting.popleft(), poll)


@ray.remote(num_cpus=1, max_retries=TASK_RETRIES)
def _score(release_id: str, shared: list[ray.ObjectRef[ScoringPlan]], chunk: Chunk) -> ScoredChunk:
    return _scorer(release_id, shared).score(chunk)


def _scorer(release_id: str, shared: list[ray.ObjectRef[ScoringPlan]]) -> ChunkScorer:
    if release_id not in _loaded:
        _loaded.clear()
        _loaded[release_id] = ChunkScorer(ray.get(shared[0]))
    return _loaded[release_id]


def _result(reference: ray.ObjectRef[ScoredChunk], poll: Poll) -> ScoredChunk:
    poll()
    while not ray.wait([reference], timeout=WAIT_SECONDS)[0]:
        poll()
    result: ScoredChunk = ray.get(reference)
    return result


@contextmanager
def _connected(address: str) -> Iterator[None]:
    _reach(address)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, RuntimeError, RayError) as error:
        raise _unreachable(address, error) from error
    except SystemExit as error:  # from the signal handler that Ray installs while it connects
        raise Interrupted("it received SIGTERM") from error
    try:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
        yield
    finally:
        ray.shutdown()


def _reach(address: str) -> None:
    """Fail at once when `host:port` refuses connections, where `ray.init` would wait forever."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
        except OSError as error:
            raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> UpstreamUnavailable:
    return UpstreamUnavailable(f"the Ray cluster at {address} cannot be reached: {error}")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except RayTaskError as error:
        raise error.cause from error
    except RayError as error:
        raise UpstreamUnavailable(f"the Ray cluster lost work of this job: {error}") from error
