"""The commands `feedback` and `erase`."""

import getpass
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from platform_core.command_line import MONITORING, JsonOption, UseCaseOption, command_group, show
from platform_core.contracts.defaults import DEFAULT_USE_CASE
from platform_core.errors import Refused, UpstreamUnavailable

if TYPE_CHECKING:
    from platform_core.settings import GatewayClientSettings

TIMEOUT_SECONDS = 60.0

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
    from platform_core.adapters.gateway import gateway_client
    from platform_core.settings import GatewayClientSettings
    from records.labels.files import read_label_rows, send_labels
    from use_cases import use_case as installed

    case, target = installed(use_case), rejected or file.with_suffix(".rejected.jsonl")
    with ExitStack() as stack:
        client = stack.enter_context(gateway_client(GatewayClientSettings(), TIMEOUT_SECONDS))
        sent = send_labels(client, case, read_label_rows(file, case), _writer(target, stack))
    counts = ", ".join(f"{count} {fate}" for fate, count in sent.fates.items() if count)
    show(sent, as_json, [f"{sent.rows} labels of {case.name}: {counts or 'none stored'}"])
    if sent.rejected:
        codes = ", ".join(f"{count} {code}" for code, count in sent.rejected.most_common())
        raise Refused(
            f"{sent.rejected.total()} of {sent.rows} labels were rejected ({codes}); "
            f"{target} lists them with their rows"
        )


@commands.command(rich_help_panel=MONITORING)
def erase(
    use_case: UseCaseOption = DEFAULT_USE_CASE,
    record_id: Annotated[
        str | None, typer.Option(help="Erase all predictions of the record with this id.")
    ] = None,
    prediction_id: Annotated[str | None, typer.Option(help="Erase this prediction.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Erase predictions from the log, the labels, the index and the outputs of batch jobs."""
    from platform_core.settings import GatewayClientSettings
    from records.bootstrap import build_erasure
    from use_cases import use_case as installed

    if (record_id is None) == (prediction_id is None):
        raise typer.BadParameter("give either --record-id or --prediction-id")
    _flush(GatewayClientSettings())
    erasure = build_erasure(installed(use_case), getpass.getuser())
    if prediction_id is not None:
        report = erasure.erase_prediction(prediction_id)
    else:
        report = erasure.erase_record(record_id or "")
    lines = [
        f"erased {len(report.predictions)} predictions from {len(report.objects)} objects",
        *(f"dataset version {one} contains the record" for one in report.datasets),
        *(f"release {one} was trained on it" for one in report.releases),
    ]
    show(report, as_json, lines)


def _flush(settings: "GatewayClientSettings") -> None:
    """Ask the gateway to upload its log, so that the erasure finds every record."""
    from mlplatform_client import MlplatformError
    from platform_core.adapters.gateway import gateway_client

    try:
        with gateway_client(settings, TIMEOUT_SECONDS) as client:
            client.operations.flush_inference_log()
    except MlplatformError as error:
        raise UpstreamUnavailable(
            f"the gateway did not upload its log ({error}), so nothing was erased; start it, or "
            "check GATEWAY_URL and GATEWAY_API_KEY, which must be an admin's"
        ) from error


def _writer(target: Path, stack: ExitStack) -> Callable[[dict[str, Any]], None]:
    """Return a function that appends a row to `target`, which is created with the first one."""
    import orjson

    files: list[Any] = []

    def write(row: dict[str, Any]) -> None:
        if not files:
            files.append(stack.enter_context(target.open("wb")))
        files[0].write(orjson.dumps(row) + b"\n")

    return write
