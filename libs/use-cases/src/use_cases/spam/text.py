"""The text of an e-mail, normalised so that the ONNX graph only has to split it into words.

This is the only place where text is cleaned: training, online, batch and monitoring all call it.
Letters of other scripts that look like Latin ones stay apart (they part words, and count as
`non_ascii_share`): to replace them would garble honest Russian or Greek.

It works on the bytes of one mail with regular expressions that are compiled once: Arrow compiles
an expression at every call, which for one mail costs more than all of this. Every expression
takes time linear in the length of the mail.
"""

import codecs
import re
import unicodedata
from functools import lru_cache

import regex

from use_cases.visible_text import MAX_CHARACTERS as MAX_MARKUP
from use_cases.visible_text import has_markup, visible_text

# Characters of a body that are read: spam shows early, and a 10 MB mail stays cheap.
MAX_CHARACTERS = 20_000
CURRENCIES = "£€¥"

# Placeholder words for values that vary between mails. Addresses have none: how many are left in a
# text depends on how a collection was made.
LINK, MONEY = b" url ", b" money "

_LINKS = (re.compile(rb"https?://[^\s<>\"]*"), re.compile(rb"www\.[^\s<>\"]*"))
# The characters of an address: all but spaces, control characters and delimiters.
_IN_ADDRESS = bytes(set(range(ord(" ") + 1, 256)) - set(b'<>()",;:@\x7f'))

_FOLDED_CURRENCIES = str.maketrans(dict.fromkeys(CURRENCIES, "$"))
# What is not seen and hides words from filters, by Unicode's own properties: characters without
# width, bidirectional controls and other formats, variation selectors, combining marks.
_INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Mn}\p{Me}]+")
# Control characters are invisible too, except those that separate words.
_CONTROLS = bytes({*range(32), 127} - set(b"\t\n\v\f\r"))
# Letters stay and everything else separates words, as in the tokenizer of the graph, which supports
# only ASCII letters. Numbers are removed: their lengths (dates, phone numbers, prices) identify a
# collection.
_WORDS = bytes(byte if byte in b"abcdefghijklmnopqrstuvwxyz" else ord(" ") for byte in range(256))


def raw_text(subject: str, body: str) -> str:
    """Return subject and the start of the body, a line each, as they are but for NUL."""
    return f"{subject}\n{body[:MAX_CHARACTERS]}\n"


def without_nul(text: str) -> str:
    """Return `text` without NUL, which libraries in C take for the end of a text."""
    return text.replace("\x00", "") if "\x00" in text else text


def shown_text(subject: str, body: str) -> str:
    """Return what a reader sees of subject and body, a line each."""
    if has_markup(subject):
        subject = visible_text(subject)
    if has_markup(body[:MAX_MARKUP]):
        body = visible_text(body)
    return raw_text(subject, body)


def model_words(shown: str) -> list[bytes]:
    """Return `shown` as lower-case ASCII words, without numbers and addresses; links and money
    are named.
    """
    text = _folded(shown)
    if b"<" in text or b"&" in text:
        # Markup behind character references or full-width signs.
        text = _folded(visible_text(text.decode()))
    for link in _LINKS:
        text = link.sub(LINK, text)
    if b"@" in text:
        text = _without_addresses(text)
    return text.replace(b"$", MONEY).translate(_WORDS).split()


def _folded(text: str) -> bytes:
    return text.encode("ascii", _FOLD).lower().translate(None, _CONTROLS)


def _without_addresses(text: bytes) -> bytes:
    """Return `text` without what is around each @, up to the next space.

    (A regular expression would have to try every letter as the start of an address.)
    """
    first, *others = text.split(b"@")
    parts = [first]
    for part in others:
        before, after = parts[-1].rstrip(_IN_ADDRESS), part.lstrip(_IN_ADDRESS)
        if len(before) < len(parts[-1]) and len(after) < len(part):
            parts[-1] = before
            parts += [b" ", after]
        else:
            parts += [b" ", part]
    return b"".join(parts)


@lru_cache(maxsize=4_096)
def _fold(character: str) -> bytes:
    """Write an accented, full-width or styled letter as plain ones, any currency as $.

    A character without an ASCII form separates words. So characters can be folded one by one,
    although NFKD orders the combining marks of several.
    """
    plain = unicodedata.normalize("NFKD", character.translate(_FOLDED_CURRENCIES))
    visible: str = _INVISIBLE.sub("", plain)
    return visible.casefold().encode()


def _fold_run(error: UnicodeError) -> tuple[bytes, int]:
    """Replace the non-ASCII characters that an encoder has met."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return b"".join(map(_fold, error.object[error.start : error.end])), error.end


# The encoder copies ASCII at memory speed and calls the handler only for the rest.
_FOLD = "use_cases.spam.fold"
codecs.register_error(_FOLD, _fold_run)
