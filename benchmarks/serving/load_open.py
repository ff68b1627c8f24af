"""An open loop: requests come when they come, whether or not the last was answered."""

import asyncio
import time
from collections import deque

from serving.load import Connection, Run, connected

POLL_SECONDS = 0.001


class Pool:
    """Connections without work, and times of requests without a connection."""

    def __init__(self) -> None:
        self.free: deque[Connection] = deque()
        self.waiting: deque[float] = deque()

    def offer(self, due: float) -> None:
        """Send a request, as soon as a connection is free."""
        if self.free:
            self.free.popleft().send(due)
        else:
            self.waiting.append(due)


class Pooled(Connection):
    """Takes the request that waits longest after each answer, or waits itself."""

    pool: Pool

    def idle(self) -> None:
        """Serve what waits."""
        if self.pool.waiting:
            self.send(self.pool.waiting.popleft())
        else:
            self.pool.free.append(self)


async def open_loop(run: Run) -> None:
    """Send `rate` requests a second, evenly, and wait for the last answers.

    What still waits for a connection when the time is over is never sent: the server is too slow.
    """
    pool, connections = Pool(), await connected(run, Pooled)
    for connection in connections:
        connection.pool = pool
        pool.free.append(connection)
    start, step = time.perf_counter(), 1 / run.load.rate
    for number in range(int(run.load.seconds * run.load.rate)):
        due = start + number * step
        if (delay := due - time.perf_counter()) > 0:
            await asyncio.sleep(delay)
        pool.offer(due)
    pool.waiting.clear()
    while len(pool.free) < len(connections) and not run.error:
        await asyncio.sleep(POLL_SECONDS)
    for connection in connections:
        connection.close()
