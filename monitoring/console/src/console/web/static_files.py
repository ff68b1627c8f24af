"""The style sheet and the scripts: read once, compressed, and cached by browsers for good."""

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response

TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml", "txt": "text/plain"}
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True)
class StaticFile:
    """A file in both forms; `url` changes with its content."""

    content: bytes
    compressed: bytes
    media_type: str
    url: str


class StaticContent:
    """The files of the folder `static`."""

    def __init__(self) -> None:
        folder = files("console") / "static"
        self._files = {one.name: _static(one.name, one.read_bytes()) for one in folder.iterdir()}

    def url(self, name: str) -> str:
        """Return the URL of a file."""
        return self._files[name].url

    async def respond(self, request: Request) -> Response:
        """Return the file that the path names."""
        found = self._files.get(request.path_params["name"])
        if found is None:
            return Response("not found", 404, media_type="text/plain")
        zipped = "gzip" in request.headers.get("accept-encoding", "")
        headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
        if zipped:
            headers["Content-Encoding"] = "gzip"
        content = found.compressed if zipped else found.content
        return Response(content, headers=headers, media_type=found.media_type)


def _static(name: str, content: bytes) -> StaticFile:
    version = hashlib.sha256(content).hexdigest()[:12]
    media_type = TYPES.get(name.rpartition(".")[2], "application/octet-stream")
    compressed = gzip.compress(content, 9, mtime=0)
    return StaticFile(content, compressed, media_type, f"/static/{name}?v={version}")
