"""What ends a request early; `problems.py` makes pages of it."""


class SignedOut(Exception):
    """The browser has no session, or its API key is not known any more."""


class ForeignForm(Exception):
    """A form without the token of the session."""


class FormTooLarge(Exception):
    """A form with more bytes or fields than any form of the console has."""


class RoleTooLow(Exception):
    """The API key may not do this; `needed` is the lowest role that may."""

    def __init__(self, needed: str) -> None:
        super().__init__(needed)
        self.needed = needed


class PageNotFound(Exception):
    """The address names something that does not exist; the message says what."""
