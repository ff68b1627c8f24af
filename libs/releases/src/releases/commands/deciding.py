"""The commands about recorded changes: list, show, approve and reject them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from platform_core.command_line import JsonOption, show
from platform_core.contracts.ledger import ChangeStatus
from releases.commands.actor import actor

if TYPE_CHECKING:
    from platform_core.changes import Changes, RecordedChange

change = typer.Typer(no_args_is_help=True, help="List, show, approve and reject changes.")
TIME = "%Y-%m-%d %H:%M:%S"
OPEN = (ChangeStatus.SUGGESTED, ChangeStatus.REQUESTED)

IdArgument = Annotated[str, typer.Argument(help="The id of a change.")]
ReasonOption = Annotated[str, typer.Option(help="The reason, kept with the change.")]


@change.command("list")
def list_changes(
    every: Annotated[bool, typer.Option("--all", help="Include ended changes.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number, newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the changes that wait for approval or for the release controller."""
    changes = _changes()
    if every:
        found = list(changes.find(changes.ids()[:limit]))
    else:
        found = sorted(changes.open(), key=lambda one: one.request.created_at, reverse=True)
    found = found[:limit]
    show([_document(one) for one in found], as_json, _lines(found))


@change.command("show")
def show_change(change_id: IdArgument, as_json: JsonOption = False) -> None:
    """Show a change: who requested what and why, its evidence, decisions, steps and result."""
    recorded = _changes().get(change_id)
    document = _document(recorded)
    show(document, as_json, (f"{name}: {value}" for name, value in document.items()))


@change.command("approve")
def approve_change(
    change_id: IdArgument, reason: ReasonOption = "approved by hand", as_json: JsonOption = False
) -> None:
    """Approve a suggested change; the release controller applies it."""
    _decide(change_id, True, reason, as_json)


@change.command("reject")
def reject_change(
    change_id: IdArgument, reason: ReasonOption = "rejected by hand", as_json: JsonOption = False
) -> None:
    """Reject a suggested change, or withdraw one that is not being applied yet."""
    _decide(change_id, False, reason, as_json)


def _decide(change_id: str, approve: bool, reason: str, as_json: bool) -> None:
    recorded = _changes().decide(change_id, actor(), approve, reason)
    show(_document(recorded), as_json, [f"{change_id} is {recorded.status}"])


def _changes() -> "Changes":
    from platform_core.adapters import connect
    from platform_core.changes import Changes
    from platform_core.clock import SystemClock
    from platform_core.settings import StorageSettings

    return Changes(connect.blob_store(StorageSettings()), SystemClock())


def _document(recorded: "RecordedChange") -> dict[str, object]:
    """Return a change as plain data."""
    result = recorded.result
    return {
        "status": recorded.status.value,
        **recorded.request.model_dump(mode="json", exclude_none=True),
        "decisions": [one.model_dump(mode="json") for one in recorded.decisions],
        "steps": [one.model_dump(mode="json") for one in recorded.steps],
        "result": result.model_dump(mode="json") if result else None,
    }


def _lines(found: "list[RecordedChange]") -> Iterator[str]:
    if not found:
        yield "no changes wait"
    for one in found:
        request = one.request
        share = f" {request.percent} %" if request.percent else ""
        release = f" {request.release_id:.12}" if request.release_id else ""
        yield (
            f"{request.change_id}  {request.created_at.strftime(TIME)}  {one.status:<9}  "
            f"{request.environment} {request.use_case}: {request.action}{release}{share}  "
            f"{request.actor}: {request.reason}"
        )
