"""A caller as lean as can be: the servers are what should be busy."""

import asyncio
from dataclasses import dataclass

TIMEOUT_SECONDS = 15
NO_ANSWER = 0


@dataclass(frozen=True)
class Reply:
    """`status` is 0 where the connection failed."""

    status: int
    headers: dict[str, str]
    body: bytes


class Caller:
    """One connection to 127.0.0.1, opened when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, request: bytes) -> Reply:
        """Send one HTTP request and return what comes back, if anything does."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if self._streams is None:
                    self._streams = await asyncio.open_connection("127.0.0.1", self._port)
                reader, writer = self._streams
                writer.write(request)
                reply = await _reply(reader)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            self.close()
            return Reply(NO_ANSWER, {}, repr(error).encode())
        if reply.headers.get("connection") == "close":
            self.close()
        return reply

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


async def _reply(reader: asyncio.StreamReader) -> Reply:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Reply(int(head[0].split()[1]), headers, body)


def request(method: str, path: str, key: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a complete request; underscores in names of headers stand for hyphens."""
    lines = {"Host": "gateway", "X-API-Key": key, **headers}
    if body:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode() + body
