"""Writes of one step of the event loop are sent together, in order, and before closing."""

import asyncio

from platform_core.joined_writes import JoinedWrites


class RecordingTransport(asyncio.Transport):
    """Records what it is told to do."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.calls.append(data)

    def close(self) -> None:
        self.calls.append("close")

    def is_closing(self) -> bool:
        return "close" in self.calls


async def test_writes_of_one_step_are_one_write() -> None:
    transport = RecordingTransport()
    joined = JoinedWrites(transport, asyncio.get_running_loop())
    joined.write(b"head ")
    joined.write(b"body")
    assert transport.calls == []
    await asyncio.sleep(0)
    joined.write(b"next")
    await asyncio.sleep(0)
    assert transport.calls == [b"head body", b"next"]


async def test_closing_sends_what_was_written_first() -> None:
    transport = RecordingTransport()
    joined = JoinedWrites(transport, asyncio.get_running_loop())
    joined.write(b"all")
    joined.close()
    await asyncio.sleep(0)
    assert transport.calls == [b"all", "close"]
    assert joined.is_closing()
