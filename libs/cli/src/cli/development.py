"""Commands that run the scripts of a checkout: benchmarks, faults, images, manifests."""

import subprocess
import sys

import typer

from cli.settings import INHERITED, checkout
from platform_core.command_line import DEVELOPMENT, OPERATIONS, command_group
from platform_core.errors import NotFound

commands = command_group()
# The script parses its own options; its --help is the command's.
PASS_THROUGH = {
    "allow_extra_args": True,
    "ignore_unknown_options": True,
    "help_option_names": [],
}


def _add(name: str, group: str, description: str, *command: str, configured: bool = False) -> None:
    """Add a command that runs `command` in the checkout with the arguments it is given.

    `configured` scripts work on a running stack and get the configuration as their environment.
    """

    @commands.command(name, help=description, rich_help_panel=group, context_settings=PASS_THROUGH)
    def run(context: typer.Context) -> int:
        root = checkout()
        if root is None:
            raise NotFound(f"`mlplatform {name}` needs a checkout of the repository; change to one")
        environment = None if configured else INHERITED
        done = subprocess.run([*command, *context.args], cwd=root, env=environment, check=False)
        return done.returncode


_add(
    "deploy-all",
    OPERATIONS,
    "Apply the manifests to a cluster: ENVIRONMENT --image-tag --context.",
    sys.executable,
    "scripts/deploy.py",
)
_add("build-images", OPERATIONS, "Build the images.", "scripts/build-images")
_add("push-images", OPERATIONS, "Push the images and write their digests.", "scripts/push-images")
_add(
    "validate",
    OPERATIONS,
    "Render and check manifests, alerts, charts and Terraform.",
    sys.executable,
    "scripts/validate.py",
)
_add(
    "bench",
    DEVELOPMENT,
    "Run the benchmarks: [--quick] [SECTION ...].",
    sys.executable,
    "benchmarks/run.py",
    configured=True,
)
_add(
    "faults",
    DEVELOPMENT,
    "Break the servers under load and check that nothing is lost: [--quick] [FAULT ...].",
    sys.executable,
    "faults/run.py",
)
_add(
    "demo",
    DEVELOPMENT,
    "Show the running stack at work: [USE_CASE] [--patience SECONDS].",
    sys.executable,
    "scripts/demo.py",
    configured=True,
)
