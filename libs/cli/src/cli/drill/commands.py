"""`mlplatform drill`."""

import signal
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from platform_core.command_line import MONITORING, JsonOption, command_group, show
from platform_core.errors import PlatformError

if TYPE_CHECKING:
    from platform_core.contracts.drill_report import LinkResult

commands = command_group()


class LinkBroken(PlatformError):
    """A link of the drill did not react, or failed."""

    code = "drill-link-broken"


@commands.command(rich_help_panel=MONITORING)
def drill(
    timeout: Annotated[float, typer.Option(help="Seconds that each link may take.", min=1)] = 600,
    rows: Annotated[int, typer.Option(help="Drifted records to send.", min=100)] = 600,
    until: Annotated[str, typer.Option(help="The last link, e.g. staging.")] = "rollback",
    setup: Annotated[
        bool, typer.Option(help="First train a release without the drift, and promote it.")
    ] = True,
    measure: Annotated[
        bool, typer.Option(help="Measure at once instead of waiting for the drift detector.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Send drifted traffic and time each link, from the alarm to the rollback of a bad release.

    The drill runs in the use case `drill` and touches no other release, report or dataset. If a
    link does not react, the command fails and names it; the gateway's metrics show the results.
    The link `set-up` trains and promotes a release on records without the drift.
    """
    from cli.drill.bootstrap import open_loop
    from cli.drill.links import SETUP, Link, follow
    from cli.drill.steps import train_and_promote
    from platform_core.clock import SystemClock
    from platform_core.contracts.drill_report import LinkStatus

    # A job that reaches its deadline gets SIGTERM: the report must say which link it waited for.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # No other drill has this seed, so its records and its release are new.
    clock = SystemClock()
    seed = int(clock.now().timestamp())
    with open_loop(rows, seed, measure) as loop:
        links = loop.links()
        names = [link.name for link in links]
        if until not in names:
            raise typer.BadParameter(f"there is no link {until!r}; there are {', '.join(names)}")
        wanted = links[: names.index(until) + 1]
        if setup:
            wanted = [Link(SETUP, lambda: train_and_promote(seed)), *wanted]
        results = []
        for result in follow(wanted, clock, timedelta(seconds=timeout), time.sleep):
            results.append(result)
            if not as_json:
                typer.echo(_line(result))
        loop.keep(results)
    if as_json:
        show(results, as_json, ())
    for result in results:
        if result.status is not LinkStatus.WORKED:
            how = "failed" if result.status is LinkStatus.FAILED else f"is {result.status}"
            raise LinkBroken(f"the link {result.link!r} {how}: {result.detail}")


def _line(result: "LinkResult") -> str:
    seconds = "-" if result.seconds is None else f"{result.seconds:.1f} s"
    return f"{result.link:<15} {result.status:<12} {seconds:>9}  {result.detail}".rstrip()
