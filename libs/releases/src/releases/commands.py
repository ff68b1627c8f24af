"""The commands that change or show what is served."""

import getpass
import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from platform_core.command_line import RELEASES, JsonOption, UseCaseOption, command_group, show
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.contracts.environments import Environment
from platform_core.errors import Refused, Unavailable

if TYPE_CHECKING:
    from releases.bootstrap import Releases
    from releases.changes import ChangeOutcome

commands = command_group()
release = typer.Typer(no_args_is_help=True, help="List, show, stage and repair releases.")
commands.add_typer(release, name="release", rich_help_panel=RELEASES)

ReleaseOption = Annotated[
    str | None,
    typer.Option(
        "--release", "-r", help="A release id or its first characters. Default: staging's release."
    ),
]
ReasonOption = Annotated[str, typer.Option(help="The reason, kept in the ledger.")]


@commands.command(rich_help_panel=RELEASES)
def promote(
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    release: ReleaseOption = None,
    reason: ReasonOption = "promoted by hand",
    accept_unmeasured: Annotated[
        bool,
        typer.Option("--accept-unmeasured", help="Serve an imported release that has no metrics."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Serve a release in production."""
    outcome = _releases().service.promote(
        use_case, release, actor=_actor(), reason=reason, accept_unmeasured=accept_unmeasured
    )
    show(outcome, as_json, [_sentence(outcome)])


@commands.command(rich_help_panel=RELEASES)
def rollback(
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    environment: Annotated[
        Environment, typer.Option("--environment", "-e", help="staging or production.")
    ] = Environment.PRODUCTION,
    reason: ReasonOption = "rolled back by hand",
    as_json: JsonOption = False,
) -> None:
    """Serve the release that was served before."""
    outcome = _releases().service.rollback(use_case, environment, _actor(), reason)
    show(outcome, as_json, [_sentence(outcome)])


@commands.command(rich_help_panel=RELEASES)
def canary(
    percent: Annotated[int, typer.Option(help="Share of the requests.")] = 10,
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    release: ReleaseOption = None,
) -> None:
    """Refused: no deployer divides the requests of an environment between two releases."""
    named = release or "staging's release"
    raise Refused(
        f"{named} of {use_case} cannot answer {percent} % of production's requests: KServe divides "
        "connections, not requests, and the gateway keeps its connections open, so a release may "
        "get all requests or none; use `mlplatform promote`, and `mlplatform rollback` if needed"
    )


@release.command("stage")
def stage_release(
    release: Annotated[str, typer.Argument(help="A release id or its first characters.")],
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    reason: ReasonOption = "staged by hand",
    as_json: JsonOption = False,
) -> None:
    """Serve a release that passed its gates in staging."""
    outcome = _releases().service.deploy_to_staging(use_case, release, _actor(), reason)
    show(outcome, as_json, [_sentence(outcome)])


@release.command("repair")
def repair_releases(
    use_case: Annotated[
        str | None, typer.Option("--use-case", "-u", help="Default: every use case.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make servers, versions and aliases agree with the ledger and the stored releases."""
    from use_cases import use_case_names

    service = _releases().service
    reports = [service.repair(name) for name in ([use_case] if use_case else use_case_names())]
    changed = [line for report in reports for line in report.changed]
    problems = [problem for report in reports for problem in report.problems]
    agreed = [] if problems else ["everything agrees with the ledger: nothing to repair"]
    show(reports, as_json, changed or agreed)
    if problems:
        raise Unavailable(f"not everything could be repaired: {'; '.join(problems)}")


@release.command("list")
def list_releases(
    use_case: Annotated[
        str | None, typer.Option("--use-case", "-u", help="Default: every use case.")
    ] = None,
) -> None:
    """List the releases and what each environment serves and served."""
    from use_cases import use_case_names

    listing = _releases().listing
    for name in [use_case] if use_case else use_case_names():
        for line in listing.lines(name):
            typer.echo(line)


@release.command("show")
def show_release(
    release: Annotated[str, typer.Argument(help="A release id or its first characters.")],
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    as_json: JsonOption = False,
) -> None:
    """Show where a release came from: data, run, parameters, metrics, gates."""
    lineage = _releases().listing.lineage(use_case, release)
    show(lineage, as_json, _lineage_lines(lineage.model_dump(mode="json")))


def _lineage_lines(lineage: dict[str, object]) -> Iterator[str]:
    for name, value in lineage.items():
        if isinstance(value, dict):
            yield f"{name}:"
            yield from (f"  {key}: {item}" for key, item in value.items())
        elif isinstance(value, list):
            yield f"{name}:"
            yield from (f"  {item}" for item in value)
        else:
            yield f"{name}: {value}"


def _sentence(outcome: "ChangeOutcome") -> str:
    served = f"{outcome.environment} serves {outcome.use_case} {outcome.release_id}"
    if outcome.changed:
        text = f"{served} (before: {outcome.from_release or 'nothing'})"
    else:
        text = f"{served} already: nothing to do"
    return f"{text}; {outcome.detail}" if outcome.detail else text


def _actor() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "unnamed"


def _releases() -> "Releases":
    """Connect to the stores; importing MLflow's client takes a second."""
    from releases.bootstrap import build
    from releases.settings import ReleaseSettings

    # A pod that is deleted gets SIGTERM: its change is undone, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return build(ReleaseSettings())
