"""The configuration file of the command line, and the environment it puts into the process."""

import os
import sys
from pathlib import Path

from dotenv import load_dotenv

from platform_core.errors import ConfigurationError

DEFAULT_FILE = Path("config", "embedded.env")
VARIABLE = "PLATFORM_CONFIG"
INHERITED = dict(os.environ)
"""The environment of the process, without the configuration."""


def load_configuration(given: Path | None = None) -> None:
    """Read the configuration file into the environment; variables that are set already win.

    The file is `given`, else `$PLATFORM_CONFIG`, else `config/embedded.env` of the checkout that
    the working directory or the Python environment belongs to. Without one, as in a pod, the
    environment is taken as it is.

    Raises:
        ConfigurationError: the file that was named does not exist.
    """
    named = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if named is not None and not named.exists():
        raise ConfigurationError(f"the configuration file {named} does not exist")
    root = checkout()
    file = named or (root / DEFAULT_FILE if root else None)
    # The steps of a pipeline start `python`, which must be the one of this environment.
    folder = str(Path(sys.executable).parent)
    os.environ["PATH"] = os.pathsep.join([folder, os.environ.get("PATH", os.defpath)])
    if file is None:
        return
    os.environ[VARIABLE] = str(file.absolute())
    if root is not None:
        os.environ.setdefault("PLATFORM_ROOT", str(root))
        os.environ.setdefault("PLATFORM_HOME", str(root / ".platform"))
    load_dotenv(file, override=False)


def checkout() -> Path | None:
    """Return the checkout of the working directory or of the Python environment, if any."""
    here = Path.cwd()
    folders = [here, *here.parents, Path(sys.prefix).parent]
    return next((folder for folder in folders if (folder / DEFAULT_FILE).is_file()), None)
