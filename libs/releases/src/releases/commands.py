"""The commands that change or show what is served."""

import getpass
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from platform_core.command_line import RELEASES, JsonOption, UseCaseOption, command_group, show
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.contracts.environments import Environment

if TYPE_CHECKING:
    from releases.bootstrap import Releases
    from releases.changes import ChangeOutcome

commands = command_group()
release = typer.Typer(no_args_is_help=True, help="List releases and show one.")
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
    as_json: JsonOption = False,
) -> None:
    """Serve a release in production."""
    outcome = _releases().service.promote(use_case, release, actor=_actor(), reason=reason)
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
    percent: Annotated[int, typer.Option(min=0, max=99, help="1 to 99; 0 ends the canary.")] = 10,
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    release: ReleaseOption = None,
    reason: ReasonOption = "tried by hand",
) -> None:
    """Serve a release to a percentage of production's requests."""
    canaries = _releases().canaries
    if percent == 0:
        canaries.end(use_case, _actor(), reason)
        typer.echo(f"the canary of {use_case} has ended; production serves one release")
        return
    release_id = canaries.start(use_case, release, percent, _actor(), reason)
    typer.echo(f"{use_case} {release_id} answers {percent} % of production's requests")


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

    return build(ReleaseSettings())
