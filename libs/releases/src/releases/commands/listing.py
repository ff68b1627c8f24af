"""The commands that list, show and repair releases."""

from typing import TYPE_CHECKING, Annotated

import typer
import yaml

from platform_core.command_line import JsonOption, UseCaseOption, show
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.errors import Unavailable

if TYPE_CHECKING:
    from platform_core.contracts.release import Lineage
    from releases.catalogue.listing import ReleaseListing

release = typer.Typer(no_args_is_help=True, help="List, show, stage and repair releases.")


@release.command("repair")
def repair_releases(
    use_case: Annotated[
        str | None, typer.Option("--use-case", "-u", help="Default: every use case.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make servers, versions and aliases agree with the ledger and the stored releases."""
    from releases.bootstrap import build
    from releases.settings import ReleaseSettings
    from use_cases import use_case_names

    service = build(ReleaseSettings()).service
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
    """List releases, what each environment serves, and the ledger."""
    from use_cases import use_case_names

    listing = _listing()
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
    lineage = _listing().lineage(use_case, release)
    show(lineage, as_json, _as_yaml(lineage).splitlines())


def _as_yaml(lineage: "Lineage") -> str:
    """Write a lineage for people, without the hundreds of cells of its calibration."""
    return str(
        yaml.safe_dump(lineage.model_dump(mode="json", exclude={"calibration"}), sort_keys=False)
    )


def _listing() -> "ReleaseListing":
    """Connect to the stores; importing MLflow's client takes a second."""
    from releases.bootstrap import listing
    from releases.settings import ListingSettings

    return listing(ListingSettings())
