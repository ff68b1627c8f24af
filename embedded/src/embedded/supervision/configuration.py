"""The configuration of supervisord, and a start script per program.

Commands and variables live in the scripts, quoted for the shell: supervisord's own file has
no way to quote every path that a checkout may have.
"""

import shlex
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedded.program import Program
from embedded.stack_folder import StackFolder

START_RETRIES = 3
SCRIPTS = "programs"


def write_configuration(programs: Sequence[Program], run: StackFolder, root: Path) -> None:
    """Write supervisord's configuration and the scripts; the programs run in folder `root`."""
    folder = run.home / SCRIPTS
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for program in programs:
        (folder / f"{program.name}.sh").write_text(start_script(program, root))
    run.config.write_text(supervisor_config(programs, run))


def start_script(program: Program, root: Path) -> str:
    """Return the shell script that starts the program.

    A program that was killed may leave children that hold its port, so the script first kills the
    process group recorded by the previous start.
    """
    group = f"{SCRIPTS}/{program.name}.group"
    note = [
        f'[ ! -f {group} ] || kill -s KILL -- "-$(cat {group})" 2>/dev/null',
        f"echo $$ > {group}",
    ]
    variables = [
        f"export {name}={shlex.quote(value)}" for name, value in program.environment.items()
    ]
    start = [f"cd {shlex.quote(str(root))} || exit 1", f"exec {shlex.join(program.command)}"]
    return "\n".join([*note, *variables, *start, ""])


def supervisor_config(programs: Sequence[Program], run: StackFolder) -> str:
    """Return supervisord's configuration; its paths are relative to the folder it lies in."""
    sections: dict[str, Mapping[str, object]] = {
        "supervisord": {
            "logfile": "logs/supervisord.log",
            "logfile_maxbytes": "5MB",
            "logfile_backups": 2,
            "pidfile": run.folder / "supervisord.pid",
        },
        "unix_http_server": {"file": run.socket, "chmod": "0600"},
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
    }
    for program in programs:
        sections[f"program:{program.name}"] = _program(program)
    return "\n".join(_section(name, values) for name, values in sections.items())


def _program(program: Program) -> dict[str, object]:
    return {
        "command": f"/bin/sh {SCRIPTS}/{program.name}.sh",
        "autostart": "true",
        "autorestart": "true",
        # A program that works on demand has not failed when it exits early.
        "startsecs": program.start_seconds if program.pointers is None else 0,
        "startretries": START_RETRIES,
        "stopsignal": "TERM",
        "stopwaitsecs": program.stop_seconds,
        "stopasgroup": str(program.stop_group).lower(),
        "killasgroup": "true",
        "redirect_stderr": "true",
        "stdout_logfile": f"logs/{program.name}.log",
        "stdout_logfile_maxbytes": "10MB",
        "stdout_logfile_backups": 3,
    }


def _section(name: str, values: Mapping[str, object]) -> str:
    return "\n".join([f"[{name}]", *(f"{key}={value}" for key, value in values.items()), ""])
