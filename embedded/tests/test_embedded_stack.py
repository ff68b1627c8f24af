"""The stack with small real programs under a real supervisord."""

import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from embedded.program import Port, Probe, Program
from embedded.stack import Stack
from embedded.stack_folder import StackFolder, open_stack_folder
from embedded.supervision.processes import MARK, marked
from platform_core.errors import Conflict, Refused, Unavailable
from platform_core.testing.processes import free_port, wait_until

PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
time.sleep(600)
"""
CRASH = "print('the disk is full'); raise SystemExit(3)"


def web_server(name: str, port: int) -> Program:
    return Program(
        name,
        (sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"),
        ports=(Port(port, f"{name.upper()}_PORT"),),
        probe=Probe(f"http://127.0.0.1:{port}/"),
        url=f"http://127.0.0.1:{port}",
        start_seconds=1,
    )


def script(name: str, source: str) -> Program:
    return Program(name, (sys.executable, "-c", source), settle_seconds=0, start_seconds=1)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def run(tmp_path: Path) -> Iterator[StackFolder]:
    folder = open_stack_folder(tmp_path / "the #1 state; 50% 'new'")
    yield folder
    shutil.rmtree(folder.folder, ignore_errors=True)


@pytest.fixture
def stack(run: StackFolder, tmp_path: Path, said: list[str]) -> Iterator[Callable[..., Stack]]:
    made: list[Stack] = []

    def make(*programs: Program, seconds: float = 20) -> Stack:
        environment = {"PATH": os.defpath, "GREETING": "50% of hello"}
        made.append(Stack(programs, run, tmp_path, environment, seconds, said.append))
        return made[-1]

    yield make
    for one in made:
        one.down()
    assert marked(run.home) == []


def states(stack: Stack) -> dict[str, str]:
    return {row.name: row.state for row in stack.status()}


def test_up_waits_until_programs_answer_and_down_leaves_no_process(stack, run, said):
    programs = stack(web_server("web", free_port()), script("parent", PARENT))
    programs.up()
    assert states(programs) == {"web": "ready", "parent": "ready"}
    assert "web" in said[0] or "web" in said[1]
    parent = next(row for row in programs.status() if row.name == "parent")
    children = psutil.Process(parent.pid).children()
    assert wait_until(lambda: bool(psutil.Process(parent.pid).children()), 5)
    programs.down()
    assert marked(run.home) == []
    assert not any(child.is_running() for child in children)
    assert said[-1] == "down"


def test_up_twice_says_so_and_changes_nothing(stack, said):
    programs = stack(script("worker", "import time; time.sleep(600)"))
    programs.up()
    before = programs.status()[0].pid
    programs.up()
    assert said[-1] == "already up"
    assert programs.status()[0].pid == before


def test_down_without_a_running_stack_succeeds(stack, said):
    stack(script("worker", "import time; time.sleep(600)")).down()
    assert said == ["not up"]


def test_a_killed_program_is_started_again(stack):
    programs = stack(web_server("web", free_port()))
    programs.up()
    killed = programs.status()[0].pid
    os.kill(killed, signal.SIGKILL)
    assert wait_until(
        lambda: (row := programs.status()[0]).state == "ready" and row.pid != killed, 15
    )


def on_demand(port: int, pointers: Path) -> Program:
    """A server that waits for a pointer, and ends when there is none."""
    source = f"""
import os, subprocess, sys, time
while not os.listdir({str(pointers)!r}):
    time.sleep(0.05)
address = ["{port}", "--bind", "127.0.0.1"]
server = subprocess.Popen([sys.executable, "-m", "http.server", *address])
while os.listdir({str(pointers)!r}):
    time.sleep(0.05)
server.kill()
"""
    return replace(
        web_server("candidates", port), command=(sys.executable, "-c", source), pointers=pointers
    )


def test_a_program_on_demand_waits_until_it_is_needed_and_again_afterwards(stack, tmp_path, said):
    pointers = tmp_path / "pointers"
    pointers.mkdir()
    programs = stack(on_demand(free_port(), pointers))
    programs.up()
    assert states(programs) == {"candidates": "waiting"}
    assert "candidates" in said[0]
    assert "waiting" in said[0]
    for _ in range(2):
        pointer = pointers / "iris-0a1b2c3d.json"
        pointer.write_text("{}")
        assert wait_until(lambda: states(programs) == {"candidates": "ready"}, 15)
        pointer.unlink()
        assert wait_until(lambda: states(programs) == {"candidates": "waiting"}, 15)
    programs.up()
    assert said[-1] == "already up"


def test_a_program_on_demand_that_exits_at_once_is_started_again(stack, tmp_path):
    pointers = tmp_path / "pointers"
    pointers.mkdir()
    (pointers / "iris-0a1b2c3d.json").write_text("{}")
    port = free_port()
    programs = stack(replace(web_server("candidates", port), pointers=pointers))
    programs.up()
    for _ in range(5):  # supervisord gives up other programs after four early exits
        killed = programs.status()[0].pid
        os.kill(killed, signal.SIGKILL)
        assert wait_until(
            lambda killed=killed: (
                (row := programs.status()[0]).state == "ready" and row.pid not in {0, killed}
            ),
            15,
        )


def test_programs_that_are_being_restarted_are_stopped(stack, tmp_path):
    """`down` would wait ten minutes for one that it passed over."""
    pointers = tmp_path / "pointers"
    pointers.mkdir()
    ends_at_once = [
        replace(script(f"ends-{n}", "pass"), pointers=pointers, stop_seconds=600) for n in range(12)
    ]
    programs = stack(*ends_at_once)
    programs.up()
    programs.down()


def test_children_of_a_killed_program_do_not_hold_its_port(stack):
    port = free_port()
    server = f"[sys.executable, '-m', 'http.server', '{port}', '--bind', '127.0.0.1']"
    parent = f"import subprocess, sys; subprocess.run({server})"
    programs = stack(replace(web_server("web", port), command=(sys.executable, "-c", parent)))
    programs.up()
    killed = psutil.Process(programs.status()[0].pid)
    (child,) = killed.children()
    killed.kill()
    assert wait_until(
        lambda: (row := programs.status()[0]).state == "ready" and row.pid != killed.pid, 15
    )
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_taken_port_is_named_with_its_owner_and_its_setting_and_nothing_starts(stack, run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        programs = stack(web_server("other", free_port()), web_server("web", port))
        with pytest.raises(Conflict) as refused:
            programs.up()
    message = str(refused.value)
    assert f"port {port} of web" in message
    assert f"pid {os.getpid()}:" in message
    assert "WEB_PORT" in message
    assert marked(run.home) == []


def test_a_program_that_does_not_start_shows_its_log_and_stops_the_rest(stack, run, said):
    broken = replace(script("broken", CRASH), settle_seconds=3)
    programs = stack(broken, script("fine", "import time; time.sleep(600)"))
    with pytest.raises(Unavailable, match="broken"):
        programs.up()
    assert "the disk is full" in said
    assert marked(run.home) == []
    with pytest.raises(Unavailable, match="not up"):
        programs.status()


def test_a_program_that_never_gets_ready_fails_in_bounded_time(stack):
    deaf = replace(
        script("deaf", "import time; time.sleep(600)"),
        probe=Probe(f"http://127.0.0.1:{free_port()}/"),
    )
    with pytest.raises(Unavailable, match="deaf not ready"):
        stack(deaf, seconds=1).up()


def test_programs_see_nothing_but_the_settings(stack, run):
    show = "import os, time; print(sorted(os.environ.items()), flush=True); time.sleep(600)"
    worker = replace(script("show", show), environment={"ROLE": "100% worker"})
    programs = stack(worker)
    programs.up()
    assert wait_until(lambda: "ROLE" in run.log("show").read_text(), 10)
    seen = dict(eval(run.log("show").read_text().splitlines()[0]))
    ours = {name for name in seen if not name.startswith("SUPERVISOR")}
    ours -= {"PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}  # the shell's and Python's own
    assert ours == {"PATH", "GREETING", "ROLE", MARK}
    assert seen["GREETING"] == "50% of hello"
    assert seen["ROLE"] == "100% worker"


def test_orphans_of_a_killed_supervisor_are_ended_by_the_next_up(stack, run, said):
    port = free_port()
    programs = stack(web_server("web", port))
    programs.up()
    orphan = psutil.Process(programs.status()[0].pid)
    supervisor = orphan.parent()
    supervisor.kill()
    # A zombie's relatives: init reaps it, not us.
    assert wait_until(lambda: not supervisor.is_running() or supervisor.status() == "zombie", 5)
    programs.up()
    assert not orphan.is_running()
    assert any("left over" in line for line in said)


def test_up_starts_again_what_had_been_given_up(stack, tmp_path, said):
    flag = tmp_path / "broken"
    flaky = f"import pathlib, time; pathlib.Path({str(flag)!r}).exists() and 1 / 0; time.sleep(600)"
    programs = stack(script("flaky", flaky))
    programs.up()
    flag.touch()
    os.kill(programs.status()[0].pid, signal.SIGKILL)
    assert wait_until(lambda: states(programs)["flaky"] == "failed", 20)
    flag.unlink()
    programs.up()
    assert said[-1] == "up again"
    assert states(programs) == {"flaky": "ready"}


def test_clean_refuses_while_up_and_deletes_afterwards(stack, run):
    programs = stack(script("worker", "import time; time.sleep(600)"))
    programs.up()
    with pytest.raises(Refused, match="make down"):
        programs.clean()
    programs.down()
    programs.clean()
    assert not run.home.exists()
    assert not run.folder.exists()
    run.home.mkdir()


def test_clean_leaves_a_folder_alone_that_is_no_stack(tmp_path, said):
    (tmp_path / "precious").write_text("data")
    run = open_stack_folder(tmp_path)
    with pytest.raises(Refused, match="not the folder of a stack"):
        Stack((), run, tmp_path, {}, 1, said.append).clean()
    shutil.rmtree(run.folder)
    assert (tmp_path / "precious").exists()
