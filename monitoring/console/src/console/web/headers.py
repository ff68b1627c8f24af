"""The headers of every response: no inline script or style, no framing, no caching of pages."""

from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
TRANSPORT_SECURITY = "max-age=31536000"


class SecurityHeadersMiddleware:
    """ASGI middleware that adds `HEADERS` where the response does not set them itself."""

    def __init__(self, app: ASGIApp, secure: bool) -> None:
        self._app = app
        headers = dict(HEADERS)
        if secure:
            headers["Strict-Transport-Security"] = TRANSPORT_SECURITY
        # ASGI header names are lower-case bytes.
        self._headers = [(name.lower().encode(), text.encode()) for name, text in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI connection."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = [*message.get("headers", ())]
                given = {name for name, _ in found}
                message["headers"] = [
                    *found,
                    *(one for one in self._headers if one[0] not in given),
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers)
