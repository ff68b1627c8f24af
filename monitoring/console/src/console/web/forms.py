"""Forms: the token that proves that a form is one of this console's, and the fields."""

import hmac
import uuid
from urllib.parse import parse_qsl

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from console.web.errors import ForeignForm, FormTooLarge
from console.web.sessions import Session

CSRF = "csrf"
IDEMPOTENCY = "idempotency_key"
MAX_FIELDS = 1000
MAX_BYTES, MAX_SIGN_IN_BYTES = 16 << 20, 64 << 10
"""Of a form with a session, and of one without: anyone can send that."""


async def checked_form(request: Request, session: Session) -> FormData:
    """Return the fields of a form that this session was given.

    Raises:
        FormTooLarge: it has too many bytes or fields.
        ForeignForm: its token is not that of the session.
    """
    body = await _body(request, MAX_BYTES if session.signed_in else MAX_SIGN_IN_BYTES)
    try:
        fields = parse_qsl(body.decode(errors="replace"), True, max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise FormTooLarge from error
    form = FormData([*fields])
    check_token(field(form, CSRF), session)
    return form


async def _body(request: Request, most: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise FormTooLarge
    return bytes(body)


def check_token(given: str, session: Session) -> None:
    """Check the token of a form; `ForeignForm` if it is not that of the session."""
    if not hmac.compare_digest(given.encode(), session.csrf.encode()):
        raise ForeignForm


def field(form: FormData, name: str) -> str:
    """Return the text of a field without spaces around it, empty where there is none."""
    value = form.get(name)
    return "" if value is None or isinstance(value, UploadFile) else value.strip()


def new_key() -> str:
    """Return a new idempotency key: a form that is sent twice requests one change."""
    return uuid.uuid4().hex
