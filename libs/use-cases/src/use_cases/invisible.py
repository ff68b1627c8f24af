"""Characters that are not seen and would part words, or make two spellings of one word."""

import re
import unicodedata

import regex

# Control characters, but for those that separate words.
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f]+")
# By Unicode's own properties: without width, bidirectional controls and other formats, variation
# selectors.
_INVISIBLE = regex.compile(r"[\p{Default_Ignorable_Code_Point}\p{Cf}]+")
# Marks that belong to no script: accents that no letter has, strokes through letters. (The vowels
# of Hindi or Thai are marks of their scripts, and stay.)
_STRAY_MARKS = regex.compile(r"[[\p{Mn}\p{Me}]&&\p{Script=Inherited}]+", regex.VERSION1)
# To order the marks of one letter takes time quadratic in their number.
_MANY_MARKS = regex.compile(r"(\p{M}{8})\p{M}+")


def without_invisible(text: str) -> str:
    """Return `text` as a reader sees it: without characters that are not seen, each letter in its
    composed and plain form (NFKC). White space stays as it is. Applied twice it changes nothing.
    """
    text = _CONTROLS.sub("", text)
    if text.isascii():
        return text
    text = _MANY_MARKS.sub(r"\1", _INVISIBLE.sub("", text))
    seen: str = _STRAY_MARKS.sub("", unicodedata.normalize("NFKC", text))
    return seen
