"""The command `feedback`: send a file of labels to the gateway."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from platform_core.command_line import MONITORING, JsonOption, UseCaseOption, command_group, show
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.errors import Refused

commands = command_group()


@commands.command(rich_help_panel=MONITORING)
def feedback(
    file: Annotated[Path, typer.Argument(help="CSV, Parquet or JSON lines.", show_default=False)],
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    rejected: Annotated[
        Path | None,
        typer.Option(help="Where rejected rows are listed. Default: <FILE>.rejected.jsonl."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Send the true labels of predictions: columns prediction_id, label and known_at."""
    import httpx

    from platform_core.settings import GatewayClientSettings
    from records.label_files import TIMEOUT_SECONDS, read_label_rows, send_labels
    from use_cases import use_case as installed

    settings = GatewayClientSettings()
    case, target = installed(use_case), rejected or file.with_suffix(".rejected.jsonl")
    headers = {"X-API-Key": settings.gateway_api_key.get_secret_value()}
    with ExitStack() as stack:
        client = stack.enter_context(
            httpx.Client(
                base_url=settings.gateway_url,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                trust_env=False,
            )
        )
        sent = send_labels(client, case, read_label_rows(file, case), _writer(target, stack))
    counts = ", ".join(f"{count} {fate}" for fate, count in sent.fates.items() if count)
    show(sent, as_json, [f"{sent.rows} labels of {case.name}: {counts or 'none stored'}"])
    if sent.rejected:
        codes = ", ".join(f"{count} {code}" for code, count in sent.rejected.most_common())
        raise Refused(
            f"{sent.rejected.total()} of {sent.rows} labels were rejected ({codes}); "
            f"{target} lists them with their rows"
        )


def _writer(target: Path, stack: ExitStack) -> Callable[[dict[str, Any]], None]:
    """Return a function that appends a row to `target`, which is created with the first one."""
    import orjson

    files: list[Any] = []

    def write(row: dict[str, Any]) -> None:
        if not files:
            files.append(stack.enter_context(target.open("wb")))
        files[0].write(orjson.dumps(row) + b"\n")

    return write
