"""The command `batch`: score a file through the gateway."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from platform_core.command_line import RELEASES, JsonOption, UseCaseOption, command_group, show
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.contracts.environments import Environment

DONE = 100
TIMEOUT_SECONDS = 120.0

commands = command_group()


@commands.command("batch", rich_help_panel=RELEASES)
def batch(
    file: Annotated[Path, typer.Argument(help="A Parquet file of records.", show_default=False)],
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    environment: Annotated[
        Environment, typer.Option(help="The environment whose release scores.")
    ] = Environment.STAGING,
    output: Annotated[
        Path | None, typer.Option(help="Where to write. Default: <FILE>.predictions.parquet.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Score a file through the gateway: upload, submit, follow, download."""
    from batch_inference.remote import RemoteScoring, score_file
    from platform_core.adapters.gateway import gateway_client
    from platform_core.settings import GatewayClientSettings

    target = output or Path(f"{file.name.removesuffix('.parquet')}.predictions.parquet")
    scoring = RemoteScoring(file, use_case, environment, target)
    with gateway_client(GatewayClientSettings(), TIMEOUT_SECONDS) as client:
        result = score_file(client, scoring, _ProgressLines())
    rows, invalid = result.job["rows_total"], result.job["rows_invalid"]
    lines = [f"{result.output}: {rows - invalid} of {rows} rows were scored"]
    if cut := result.job["rows_truncated"]:
        lines.append(f"{cut} of them were cut to the limits of their fields (column `truncated`)")
    if result.invalid:
        lines.append(f"{result.invalid}: {invalid} invalid rows with the reason")
    show(result, as_json, lines)


class _ProgressLines:
    """Writes the progress to standard error: one line that changes, or one line per step."""

    def __init__(self) -> None:
        self._shown: tuple[str, int] = ("", -1)
        self._terminal = sys.stderr.isatty()

    def __call__(self, step: str, percent: int) -> None:
        """Show that `percent` of a step are done."""
        worth_a_line = step != self._shown[0] or percent == DONE
        if (step, percent) == self._shown or not (self._terminal or worth_a_line):
            return
        self._shown = (step, percent)
        end = "\r" if self._terminal and percent < DONE else "\n"
        sys.stderr.write(f"{step}: {percent:3d} %{end}")
        sys.stderr.flush()
