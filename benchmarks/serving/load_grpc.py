"""A closed loop of gRPC calls with prepared messages."""

import asyncio
import time

import grpc

from serving.load import Run

OK = 200
FAILED = 500


async def grpc_loop(run: Run) -> None:
    """Load a gRPC method; every client has its own connection, as with HTTP."""
    start = time.perf_counter()
    run.end = start + run.load.seconds
    await asyncio.gather(*(_client(run) for _ in range(run.load.clients)))


async def _client(run: Run) -> None:
    target = run.load.target
    options = [("grpc.use_local_subchannel_pool", 1)]
    address = f"{target.host}:{target.port}"
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        await channel.channel_ready()
        call = channel.unary_unary(target.grpc_method)
        while (start := time.perf_counter()) < run.end:
            number = run.next()
            try:
                status, answer = OK, await call(target.requests[number])
            except grpc.aio.AioRpcError as error:
                status, answer = FAILED, str(error.details()).encode()
            run.add(number, status, answer, start)
