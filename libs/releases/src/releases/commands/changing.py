"""The commands that change what is served: they record a change and follow it."""

from typing import Annotated, Any

import typer
from pydantic import ValidationError

from platform_core.command_line import RELEASES, JsonOption, UseCaseOption, show
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.contracts.environments import Environment
from platform_core.contracts.ledger import Action, Change
from platform_core.contracts.serving_state import ServingState
from platform_core.errors import InvalidInput
from releases.commands.actor import actor

MAX_PERCENT = {Action.CANARY: 99, Action.SHADOW: 100}

ReleaseOption = Annotated[
    str | None,
    typer.Option(
        "--release", "-r", help="A release id or its first characters. Default: staging's release."
    ),
]
EarlierOption = Annotated[
    str | None,
    typer.Option("--release", "-r", help="An earlier stable release. Default: the previous one."),
]
PromotedOption = Annotated[
    str | None,
    typer.Option(
        "--release",
        "-r",
        help="A release id or its first characters. Default: the canary, else staging's release.",
    ),
]
EndedOption = Annotated[
    str | None, typer.Option("--release", "-r", help="End only this one. Default: both.")
]
EnvironmentOption = Annotated[
    Environment, typer.Option("--environment", "-e", help="staging or production.")
]
ReasonOption = Annotated[str, typer.Option(help="The reason, kept in the ledger.")]
UnmeasuredOption = Annotated[
    bool, typer.Option("--accept-unmeasured", help="Serve an imported release without metrics.")
]
ExpectedOption = Annotated[
    str | None,
    typer.Option(
        "--expected-state",
        help='Change nothing unless this is the serving state, e.g. \'{"stable": "<id>"}\'.',
    ),
]


def promote(
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    release: PromotedOption = None,
    environment: EnvironmentOption = Environment.PRODUCTION,
    reason: ReasonOption = "promoted by hand",
    accept_unmeasured: UnmeasuredOption = False,
    expected_state: ExpectedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Promote a release: by default the canary, or else the release in staging."""
    change = {"release_id": release, "accept_unmeasured": accept_unmeasured}
    place = (use_case, environment)
    _follow(Action.PROMOTE, place, reason, expected_state, as_json, **change)


def rollback(
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    release: EarlierOption = None,
    environment: EnvironmentOption = Environment.PRODUCTION,
    reason: ReasonOption = "rolled back by hand",
    expected_state: ExpectedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Roll back to the previous stable release, or to an earlier one; a canary ends."""
    place = (use_case, environment)
    _follow(Action.ROLLBACK, place, reason, expected_state, as_json, release_id=release)


def canary(
    percent: Annotated[str, typer.Option(help="Share of the requests, 1 to 99.")] = "10",
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    release: ReleaseOption = None,
    environment: EnvironmentOption = Environment.PRODUCTION,
    reason: ReasonOption = "canary by hand",
    accept_unmeasured: UnmeasuredOption = False,
    expected_state: ExpectedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Start a canary, or change its percentage."""
    change = {
        "release_id": release,
        "percent": whole_percent(Action.CANARY, percent),
        "accept_unmeasured": accept_unmeasured,
    }
    place = (use_case, environment)
    _follow(Action.CANARY, place, reason, expected_state, as_json, **change)


def shadow(
    percent: Annotated[
        str | None, typer.Option(help="Sampled share of the requests, 1 to 100. Default: all.")
    ] = None,
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    release: ReleaseOption = None,
    environment: EnvironmentOption = Environment.PRODUCTION,
    reason: ReasonOption = "shadow by hand",
    expected_state: ExpectedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Send a release copies of the requests; its answers are logged and never returned."""
    share = None if percent is None else whole_percent(Action.SHADOW, percent)
    change = {"release_id": release, "percent": share}
    place = (use_case, environment)
    _follow(Action.SHADOW, place, reason, expected_state, as_json, **change)


def abort(
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    release: EndedOption = None,
    environment: EnvironmentOption = Environment.PRODUCTION,
    reason: ReasonOption = "aborted by hand",
    expected_state: ExpectedOption = None,
    as_json: JsonOption = False,
) -> None:
    """End canary and shadow; the stable release answers every request."""
    place = (use_case, environment)
    _follow(Action.ABORT, place, reason, expected_state, as_json, release_id=release)


def stage(
    release: Annotated[str, typer.Argument(help="A release id or its first characters.")],
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    reason: ReasonOption = "staged by hand",
    expected_state: ExpectedOption = None,
    as_json: JsonOption = False,
) -> None:
    """Serve a release that passed its gates in staging."""
    place = (use_case, Environment.STAGING)
    _follow(Action.DEPLOY, place, reason, expected_state, as_json, release_id=release)


def add_changing_commands(commands: typer.Typer, release: typer.Typer) -> None:
    """Add the commands of this module; `stage` is one of `release`."""
    for command in (promote, rollback, canary, shadow, abort):
        commands.command(rich_help_panel=RELEASES)(command)
    release.command("stage")(stage)


def whole_percent(action: Action, text: str) -> int:
    """Return a percent that a canary or shadow may have.

    Raises:
        InvalidInput: it is not a whole number in the range.
    """
    most = MAX_PERCENT[action]
    if text.isdecimal() and 1 <= int(text) <= most:
        return int(text)
    promote = ", and `mlplatform promote` to have the release answer every request"
    hint = promote if action is Action.CANARY else ""
    raise InvalidInput(
        f"percent {text!r:.20} of a {action}: use a whole number from 1 to {most}{hint}"
    )


def _follow(
    action: Action,
    place: tuple[str, Environment],
    reason: str,
    expected_state: str | None,
    as_json: bool,
    **change: Any,
) -> None:
    """Record a change, show its steps, and show or raise its result."""
    from platform_core.settings import StorageSettings
    from releases.bootstrap import requests
    from releases.changes.requests import Requested, require_applied

    use_case, environment = place
    changes = requests(StorageSettings())
    expected = _state(expected_state)
    requested = Requested(
        action, use_case, environment, actor(), reason, expected_state=expected, **change
    )
    change_id = changes.submit(requested)
    result = changes.follow(change_id, _quiet if as_json else typer.echo)
    if as_json:
        show(result, as_json, [])
    require_applied(result)
    if not changes.wait_for_gateways(result):
        typer.echo("not every gateway has read the ledger yet; it will within seconds", err=True)
    if not as_json:
        typer.echo(_sentence(result))


def _quiet(step: str) -> None:
    del step


def _state(text: str | None) -> ServingState | None:
    if text is None:
        return None
    try:
        return ServingState.model_validate_json(text)
    except ValidationError as error:
        raise InvalidInput(
            f"--expected-state {text!r:.200} is not a serving state "
            f"({error.errors()[0]['msg']}); write it as `--json` of an earlier change shows it"
        ) from error


def _sentence(change: Change) -> str:
    from releases.changes.states import describe_state

    before, after = change.from_state, change.to_state
    served = f"{change.environment} serves {change.use_case} {after.stable or 'nothing'}"
    if before == after:
        return f"{served} as before: {change.detail or 'nothing to do'}"
    if before.stable != after.stable:
        text = f"{served} (before: {before.stable or 'nothing'})"
    else:
        text = f"{change.environment} of {change.use_case}: {describe_state(after)}"
    return f"{text}; {change.detail}" if change.detail else text
