"""What the tests need to know of the machine they run on."""

import os
from collections.abc import Mapping

from platform_core.settings import Settings


class MachineSettings(Settings):
    """`CI=true` turns the skip for a missing server into a failure."""

    ci: bool = False


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with `changes`, for a server it starts."""
    return {**os.environ, **changes}
