"""The shell of every program: logging, signals, exit codes (0 done, 1 failed, 2 usage error)."""

import argparse
import gc
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn

from pydantic import ValidationError

from platform_core.errors import (
    ConfigurationError,
    InvalidData,
    InvalidInput,
    InvalidRecord,
    PlatformError,
)
from platform_core.logs import log_to_stderr

DONE, FAILED, WRONG_USE = 0, 1, 2
NEW_OBJECTS, YOUNG_COLLECTIONS = 20_000, 20


class CommandInterrupted(PlatformError):
    """The user pressed Ctrl-C; the message says what state that leaves."""

    code = "interrupted"


def exit_code(command: Callable[[], int | None]) -> int:
    """Run `command` and return its exit code, or that of its error.

    Settings or arguments that do not validate are usage errors (2); every other error of the
    platform, bad data included, is a failure (1). The reason is the last line on standard error.
    Errors outside the tree of `platform_core.errors` are defects and keep their traceback.
    """
    try:
        return command() or DONE
    except KeyboardInterrupt:
        return _fail(FAILED, "interrupted")
    except ValidationError as error:
        invalid = "; ".join(f"{_name(e['loc'])}: {e['msg']}" for e in error.errors())
        return _fail(WRONG_USE, f"invalid settings or arguments: {invalid}")
    except PlatformError as error:
        for note in getattr(error, "__notes__", ()):
            print(note, file=sys.stderr)
        return _fail(WRONG_USE if is_wrong_use(error) else FAILED, error)


def is_wrong_use(error: PlatformError) -> bool:
    """Return whether the user must change the command or the settings, not the data."""
    about_data = isinstance(error, InvalidData | InvalidRecord)
    return isinstance(error, ConfigurationError | InvalidInput) and not about_data


def run_service(command: Callable[[], int | None], verbose: Sequence[str] = ()) -> int:
    """Run a long-running program and return its exit code.

    Logs go to standard error, one line a record: warnings of every logger, and everything from
    `INFO` on of the loggers named in `verbose`.
    """
    log_to_stderr()
    for name in verbose:
        logging.getLogger(name).setLevel(logging.INFO)
    return exit_code(command)


def refuse_arguments(description: str | None) -> None:
    """Exit with 2 if the program got arguments; print its description for `--help`.

    A service reads its settings from the environment.
    """
    argparse.ArgumentParser(description=description).parse_args()


def on_termination(handler: Callable[[], None]) -> None:
    """Call `handler` on SIGTERM and SIGINT instead of ending the process."""

    def handle(number: int, frame: FrameType | None) -> None:
        del number, frame
        handler()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)


def end_program(code: int) -> NoReturn:
    """End the process without waiting for its threads.

    For a service whose daemon threads may break off. A thread that is in a native library, such as
    that of the blob store, can keep the interpreter from ending for ever.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def freeze_startup_objects() -> None:
    """Exclude the objects that exist now from garbage collection.

    A service calls it before it serves. Modules and routes live as long as the process; a full
    collection that visits them holds every request back for up to 100 ms. An object that is
    replaced later must not exist yet: one in a reference cycle would never be freed.
    """
    gc.collect()
    gc.freeze()


def collect_garbage_seldom() -> None:
    """Look for reference cycles after 20,000 new objects instead of 700, and among all objects
    every 400 times instead of every 100.

    For a service whose large objects are in no cycle, so that they are freed at once all the same.
    A collection of all objects holds every request back for tens of milliseconds.
    """
    gc.set_threshold(NEW_OBJECTS, YOUNG_COLLECTIONS, YOUNG_COLLECTIONS)


def _name(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _fail(code: int, reason: object) -> int:
    print(reason, file=sys.stderr)
    return code
