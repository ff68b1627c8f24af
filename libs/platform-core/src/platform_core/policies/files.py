"""Policies as TOML files: `<folder>/<use_case>.toml`, otherwise `default.toml`.

Without either the defaults hold.
"""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from platform_core.errors import ConfigurationError
from platform_core.policies.contract import Policy

DEFAULT = "default"


def read_policy(file: Path) -> Policy:
    """Return the policy in `file`.

    Raises:
        ConfigurationError: it is missing, is not TOML, or contradicts itself; all is named.
    """
    try:
        return Policy.model_validate(tomllib.loads(file.read_text("utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"the policy {file} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"the policy {file} is not TOML: {error}") from error
    except ValidationError as error:
        raise ConfigurationError(f"the policy {file} is invalid: {_problems(error)}") from error


class PolicyFolder:
    """The policies of all use cases; a changed file counts from the next reading on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def policy(self, use_case: str) -> Policy:
        """Return the policy of a use case: its file, else `default.toml`, else the defaults.

        Raises:
            ConfigurationError: its file is invalid.
        """
        files = (self._folder / f"{name}.toml" for name in (use_case, DEFAULT))
        file = next((one for one in files if one.is_file()), None)
        return read_policy(file) if file else Policy()


def _problems(error: ValidationError) -> str:
    problems = []
    for problem in error.errors():
        where = ".".join(map(str, problem["loc"]))
        reason = problem["msg"].removeprefix("Value error, ")
        problems.append(f"{where}: {reason}" if where else reason)
    return "; ".join(problems)
