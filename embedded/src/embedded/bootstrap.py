"""Where the laptop stack is put together."""

from collections.abc import Callable

from embedded.programs import platform_programs
from embedded.run_folder import open_run_folder
from embedded.secret_files import development_keys, ray_token
from embedded.settings import EmbeddedSettings, program_environment
from embedded.stack import Stack


def build(settings: EmbeddedSettings, say: Callable[[str], None]) -> Stack:
    """Return the stack that the settings describe; its secrets are made where missing."""
    run = open_run_folder(settings.platform_home.absolute())
    folder = run.home / "secrets"
    development_keys(folder)
    return Stack(
        programs=platform_programs(settings, run, ray_token(folder)),
        run=run,
        root=settings.platform_root.absolute(),
        environment=program_environment(settings.platform_config, run.python_folder),
        start_seconds=settings.embedded_start_seconds,
        say=say,
    )
