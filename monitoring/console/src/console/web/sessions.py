"""The session of a browser: an encrypted cookie that only this program can read.

The API key is in the cookie, and nowhere else: the console keeps no sessions, so that any replica
can answer. A key that the gateway no longer knows ends its sessions at the next request.
"""

import base64
import hashlib
import json
import secrets
from dataclasses import asdict, dataclass, replace

from cryptography.fernet import Fernet, InvalidToken
from starlette.requests import Request
from starlette.responses import Response

ROLES = ("viewer", "operator", "admin")


@dataclass(frozen=True)
class Session:
    """A browser; `key`, `name` and `role` are those of its API key, empty before signing in.

    `csrf` must come back with every form.
    """

    csrf: str
    key: str = ""
    name: str = ""
    role: str = ""

    @property
    def signed_in(self) -> bool:
        """Whether the browser has an API key."""
        return bool(self.key)

    def may(self, role: str) -> bool:
        """Return whether the key has at least this role."""
        return self.role in ROLES and ROLES.index(self.role) >= ROLES.index(role)

    @property
    def owner(self) -> str:
        """A name for what this key may see: a hash, because it is kept in memory."""
        return hashlib.sha256(self.key.encode()).hexdigest()


class SessionCookies:
    """Writes and reads the cookies: one of a browser that has signed in, and one of its sign-in
    form.

    They are two, because the browser does not send a `SameSite=Strict` cookie when a link on
    another site is followed: the form that is shown then must not replace the session.
    """

    def __init__(self, secret: str, hours: float, secure: bool) -> None:
        digest = hashlib.sha256(b"console-session\0" + secret.encode()).digest()
        self._fernet = Fernet(base64.urlsafe_b64encode(digest))
        self._seconds = int(hours * 3600)
        self._secure = secure
        # Browsers accept a `__Host-` cookie from this host alone, never from a sibling domain.
        prefix = "__Host-" if secure else ""
        self._session, self._form = f"{prefix}console", f"{prefix}console-form"

    def read(self, request: Request) -> Session:
        """Return the session of a request; a new one where there is none, or it has expired."""
        for name in (self._session, self._form):
            try:
                cookie = request.cookies[name].encode()
                return Session(**json.loads(self._fernet.decrypt(cookie, ttl=self._seconds)))
            except (KeyError, InvalidToken, ValueError, TypeError):
                continue
        return Session(csrf=secrets.token_urlsafe(32))

    def write(self, response: Response, session: Session) -> None:
        """Set the cookie of a session, which expires after the configured time."""
        content = self._fernet.encrypt(json.dumps(asdict(session)).encode()).decode()
        response.set_cookie(
            self._session if session.signed_in else self._form,
            content,
            max_age=self._seconds,
            path="/",
            secure=self._secure,
            httponly=True,
            samesite="strict",
        )
        if session.signed_in:
            self._delete(response, self._form)

    def clear(self, response: Response) -> None:
        """Remove the cookie of a browser that has signed in."""
        self._delete(response, self._session)

    def _delete(self, response: Response, name: str) -> None:
        response.delete_cookie(
            name, path="/", secure=self._secure, httponly=True, samesite="strict"
        )


def signed_in(session: Session, key: str, name: str, role: str) -> Session:
    """Return the session of a browser that has signed in, with a new token for its forms."""
    return replace(session, csrf=secrets.token_urlsafe(32), key=key, name=name, role=role)
