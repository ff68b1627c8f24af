"""How a program of the command line ends: 0 done, 1 refused or failed, 2 wrong use."""

import sys
from collections.abc import Callable

from pydantic import ValidationError

from platform_core.errors import ConfigurationError, PlatformError, UnknownUseCase

DONE, FAILED, WRONG_USE = 0, 1, 2


def exit_code(command: Callable[[], int | None], interrupted: str = "interrupted") -> int:
    """Run `command` and return its exit code, or that of its error.

    Wrong use are settings or arguments that do not validate and a use case that is not there.
    The reason of a failure is the last line on standard error; `interrupted` is that of Ctrl-C.
    Errors outside the tree of `platform_core.errors` are defects and keep their trace.
    """
    try:
        return command() or DONE
    except KeyboardInterrupt:
        return _fail(FAILED, interrupted)
    except ValidationError as error:
        wrong = "; ".join(f"{_name(e['loc'])}: {e['msg']}" for e in error.errors())
        return _fail(WRONG_USE, wrong)
    except (UnknownUseCase, ConfigurationError) as error:
        return _fail(WRONG_USE, error)
    except PlatformError as error:
        return _fail(FAILED, error)


def _name(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _fail(code: int, reason: object) -> int:
    print(reason, file=sys.stderr)  # noqa: T201
    return code
