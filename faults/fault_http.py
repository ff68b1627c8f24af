"""A minimal HTTP client, so that the servers use most of the CPU."""

import asyncio
from dataclasses import dataclass

TIMEOUT_SECONDS = 15
NO_RESPONSE = 0


@dataclass(frozen=True)
class Response:
    """A response; `status` is 0 if the connection failed."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A connection to 127.0.0.1, opened with the first request."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, request: bytes) -> Response:
        """Send an HTTP request and return the response, or status 0 if there is none."""
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                if self._streams is None:
                    self._streams = await asyncio.open_connection("127.0.0.1", self._port)
                reader, writer = self._streams
                writer.write(request)
                response = await _response(reader)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            self.close()
            return Response(NO_RESPONSE, {}, repr(error).encode())
        if response.headers.get("connection") == "close":
            self.close()
        return response

    def close(self) -> None:
        """Close the connection."""
        if self._streams is not None:
            self._streams[1].transport.abort()
            self._streams = None


async def _response(reader: asyncio.StreamReader) -> Response:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Response(int(head[0].split()[1]), headers, body)


def request(method: str, path: str, key: str, body: bytes = b"", **headers: str) -> bytes:
    """Return a complete request; underscores in header names stand for hyphens."""
    lines = {"Host": "gateway", "X-API-Key": key, **headers}
    if body:
        lines |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    text = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{text}\r\n".encode() + body
