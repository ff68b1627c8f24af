"""The composition root of the embedded stack."""

from collections.abc import Callable

from embedded.programs import platform_programs
from embedded.secret_files import development_keys, ray_token
from embedded.settings import EmbeddedSettings, program_environment
from embedded.stack import Stack
from embedded.stack_folder import open_stack_folder


def build(settings: EmbeddedSettings, say: Callable[[str], None]) -> Stack:
    """Return the stack that the settings describe; missing secrets are created."""
    run = open_stack_folder(settings.platform_home.absolute())
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
