"""Building blocks of the commands that packages add to `mlplatform`.

A package lists a `typer.Typer` under the entry point group `mlplatform.commands`; `mlplatform`
offers the commands of every installed package.
"""

import inspect
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Annotated, Any, Optional, TypeVar

import typer
from pydantic import BaseModel, TypeAdapter
from pydantic.fields import FieldInfo

ENTRY_POINTS = "mlplatform.commands"

STACK, PIPELINE, RELEASES, MONITORING, OPERATIONS, DEVELOPMENT = (
    "Stack",
    "Data and training",
    "Releases",
    "Monitoring",
    "Cluster",
    "Development",
)
"""The groups of commands in `mlplatform --help`, in order."""

Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result")

UseCaseOption = Annotated[str, typer.Option("--use-case", "-u", help="Name of the use case.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


def command_group() -> typer.Typer:
    """Return an empty collection of commands."""
    return typer.Typer(no_args_is_help=True, add_completion=False)


def show(value: Any, as_json: bool, text: Iterable[str]) -> None:
    """Print `value` (a model, dataclass or plain data) as JSON, or else the lines of `text`."""
    if as_json:
        typer.echo(TypeAdapter(type(value)).dump_json(value, indent=2).decode())
        return
    for line in text:
        typer.echo(line)


def with_options(model: type[Model]) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """Give a command one option per field of `model`.

    The command receives the validated model as its first argument. The help of an option is the
    field's description; an option that is not given keeps the field's default.
    """
    fields = model.model_fields

    def decorate(command: Callable[..., Result]) -> Callable[..., Result]:
        _, *others = inspect.signature(command, eval_str=True).parameters.values()

        @wraps(command)
        def run(**arguments: Any) -> Result:
            given = {name: arguments.pop(name) for name in fields}
            values = {name: value for name, value in given.items() if value is not None}
            return command(model(**values), **arguments)

        options = [_option(name, field) for name, field in fields.items()]
        parameters = [*options, *(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in others)]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    default = field.get_default()
    shown = f" Default: {default}." if default not in (None, "", ()) else ""
    description = f"{field.description or ''}{shown}"
    option = typer.Option(f"--{name.replace('_', '-')}", help=description, show_default=False)
    annotation: Any = Annotated[Optional[field.annotation], option]  # noqa: UP045 - a value
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )
