"""Forms: the token that proves that a form is one of this console's, and the fields."""

import hmac
import uuid

from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from console.web.errors import ForeignForm
from console.web.sessions import Session

CSRF = "csrf"
IDEMPOTENCY = "idempotency_key"


async def checked_form(request: Request, session: Session) -> FormData:
    """Return the fields of a form that this session was given.

    Raises:
        ForeignForm: its token is not that of the session.
    """
    form = await request.form()
    check_token(field(form, CSRF), session)
    return form


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
