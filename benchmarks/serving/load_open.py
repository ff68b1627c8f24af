"""An open loop: requests are sent at a fixed rate, whether or not earlier ones were answered."""

import asyncio
import time
from collections import deque

from serving.load import Connection, Run, connected

POLL_SECONDS = 0.001


class Pool:
    """Idle connections, and the due times of requests that wait for one."""

    def __init__(self) -> None:
        self.free: deque[Connection] = deque()
        self.waiting: deque[float] = deque()

    def offer(self, due: float) -> None:
        """Send a request as soon as a connection is free."""
        if self.free:
            self.free.popleft().send(due)
        else:
            self.waiting.append(due)


class Pooled(Connection):
    """A connection that takes the longest-waiting request after each response, or waits."""

    pool: Pool

    def idle(self) -> None:
        """Take a waiting request."""
        if self.pool.waiting:
            self.send(self.pool.waiting.popleft())
        else:
            self.pool.free.append(self)


async def open_loop(run: Run) -> None:
    """Send `rate` evenly spaced requests per second, and wait for the last responses.

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
