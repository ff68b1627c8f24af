"""The slices of mail whose quality is reported separately."""

import pyarrow as pa
import pyarrow.compute as pc

from use_cases.spam.text import MAX_CHARACTERS

SHORT, LONG = 200, 2_000
ENGLISH = 0.15
MOST_FOREIGN = 0.1
_STOP_WORDS = (
    r"(?i)\b(?:the|and|you|to|of|a|in|is|it|for|on|that|i|we|your|this|with|are|be|have|not|was)\b"
)
_WORD = r"[[:alpha:]]+"
_MARKUP = r"(?i)<(?:html|body|div|p|br|table|a|font|span)\b"


def spam_slices(records: pa.RecordBatch) -> pa.RecordBatch:
    """Return `language`, `length` and `markup` of each mail (string).

    `language` is `english` where common English words are at least 15 % of all words and at most
    a tenth of the characters are beyond ASCII, `other` where not, null without words. `length` is
    `short` (below 200 characters), `medium` or `long` (2,000 and more) of subject and body;
    `markup` is `html` or `plain`.
    """
    body = pc.utf8_slice_codeunits(records.column("body").fill_null(""), 0, MAX_CHARACTERS)
    text = pc.binary_join_element_wise(records.column("subject").fill_null(""), body, "\n")
    length = pc.utf8_length(text)
    words = pc.count_substring_regex(text, _WORD)
    common = pc.count_substring_regex(text, _STOP_WORDS)
    beyond = pc.subtract(pc.binary_length(text), length)
    english = pc.and_(
        pc.greater_equal(common, pc.multiply(words.cast(pa.float64()), ENGLISH)),
        pc.less_equal(beyond, pc.multiply(length.cast(pa.float64()), MOST_FOREIGN)),
    )
    language = pc.if_else(
        pc.greater(words, 0),
        pc.if_else(english, "english", "other"),
        pa.scalar(None, pa.string()),
    )
    size = pc.if_else(
        pc.less(length, SHORT), "short", pc.if_else(pc.less(length, LONG), "medium", "long")
    )
    markup = pc.if_else(pc.match_substring_regex(body, _MARKUP), "html", "plain")
    return pa.record_batch([language, size, markup], names=["language", "length", "markup"])
