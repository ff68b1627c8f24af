"""Logs that callers cannot forge: input may appear within a line, but never starts one."""

import logging
import textwrap
from types import TracebackType

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_SEPARATORS = (0x2028, 0x2029)
_CONTROL = [*range(0x20), *range(0x7F, 0xA0), *_SEPARATORS]
_ESCAPED = {code: f"\\u{code:04x}" for code in _CONTROL if code != ord("\t")}
_IN_TRACE = {code: text for code, text in _ESCAPED.items() if code != ord("\n")}
_Failure = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class OneLine(logging.Formatter):
    """A message is one line, control characters are escaped, lines of a trace are indented."""

    def __init__(self, fmt: str = FORMAT) -> None:
        super().__init__(fmt)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """Return the line of a record."""
        return super().formatMessage(record).translate(_ESCAPED)

    def formatException(self, ei: _Failure) -> str:  # noqa: N802 (logging's name)
        """Return the trace, each line behind a tab."""
        return textwrap.indent(super().formatException(ei).translate(_IN_TRACE), "\t")


def log_to_stderr() -> None:
    """Have the root logger write such lines to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(OneLine())
    logging.basicConfig(handlers=[handler])
