"""Check that the ports of the stack are free."""

import errno
import socket
from collections.abc import Sequence

import psutil

from embedded.program import Program
from embedded.supervision.processes import mark
from platform_core.errors import Conflict

HOST = "127.0.0.1"


def check_ports(programs: Sequence[Program]) -> None:
    """Check that every port the programs need is free.

    Raises:
        Conflict: ports are taken; the message names their owners and the settings that change them.
    """
    taken = [
        f"port {port.number} of {program.name} is taken by {_owner(port.number)}: "
        f"stop it, or choose another port with {port.setting}"
        for program in programs
        for port in program.ports
        if _taken(port.number)
    ]
    if taken:
        raise Conflict("\n".join(["nothing was started:", *taken]))


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.errno in {errno.EADDRINUSE, errno.EACCES}
    return False


def _owner(port: int) -> str:
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "a program this user cannot inspect"
    for connection in connections:
        address = connection.laddr
        if connection.status != psutil.CONN_LISTEN or not address or not connection.pid:
            continue
        if address.port == port:
            return _describe(connection.pid)
    return "a program of another user"


def _describe(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        stack = mark(process)
        where = f"the stack in {stack}, " if stack else ""
        command = " ".join(process.cmdline()[:4])
        return f"{process.name()} ({where}pid {pid}: {command:.80})"
    except psutil.Error:
        return f"pid {pid}"
