"""The package of a new use case as files."""

import re
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import chain, count
from pathlib import Path

from data_pipeline.new_use_case.plan import Plan
from platform_core.errors import Conflict
from use_cases.blocks import Block, Category, Date, Number, Text
from use_cases.blocks.number import LARGEST
from use_cases.blocks.profile import PROFILE_FILE
from use_cases.blocks.text import MAX_CHARACTERS

WIDTH = 100


def write_package(plan: Plan, folder: Path) -> list[Path]:
    """Write the package into `folder`, which must be new or empty, and return its files.

    Raises:
        Conflict: the folder has files already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Conflict(f"{folder} has files already; give another --output, or delete it")
    module = folder / "src" / plan.name
    files = {
        folder / "pyproject.toml": _project(plan.name),
        module / "__init__.py": declaration(plan),
        module / PROFILE_FILE: plan.profile.model_dump_json(indent=1, exclude_defaults=True) + "\n",
        folder / "tests" / f"test_{plan.name}.py": _test(plan.name),
    }
    for file, text in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return list(files)


def class_name(name: str) -> str:
    """Return the name of the class of a use case: `late_payment` → `LatePaymentUseCase`."""
    return f"{name.title().replace('_', '')}UseCase"


def declaration(plan: Plan) -> str:
    """Return the module that declares the use case."""
    kinds = sorted({type(block).__name__ for block in plan.blocks} | {"DeclaredUseCase", "Label"})
    label = plan.label.label
    constants: dict[str, list[str]] = {}
    entries: list[str] = []
    for (kind, *arguments), blocks in _groups(plan.blocks).items():
        names = [name for block in blocks for name in block.names]
        values = blocks[0].values if isinstance(blocks[0], Category) else ()
        if len(_tuple(values)) > WIDTH // 2:
            constant = _constant(names[0], constants)
            constants[constant] = _wrapped(f"{constant} = (", map(_quoted, values), ")")
            arguments[0] = f"values={constant}"
        entries += _wrapped(f"        {kind}(", [*map(_quoted, names), *arguments], "),")
    lines = [
        f'"""{_title(plan.name)}."""',
        "",
        *_wrapped("from use_cases.blocks import ", kinds, "", brackets=True),
        *(["", *chain(*constants.values())] if constants else []),
        "",
        "",
        f"class {class_name(plan.name)}(DeclaredUseCase):",
        f'    """{_title(plan.name)}."""',
        "",
        f"    name, gates = {_quoted(plan.name)}, {_tuple(plan.proposed.gates)}",
        *_wrapped("    label = Label(", map(_quoted, (label.column, *label.classes)), ")"),
        *([f"    time_column = {_quoted(plan.time)}"] if plan.time else []),
        "    fields = (",
        *entries,
        "    )",
    ]
    return "\n".join(lines) + "\n"


def _groups(blocks: Sequence[Block]) -> dict[tuple[str, ...], list[Block]]:
    """Return the blocks by their kind and their arguments but for the columns."""
    found: dict[tuple[str, ...], list[Block]] = {}
    for block in blocks:
        found.setdefault((type(block).__name__, *_arguments(block)), []).append(block)
    return found


def _arguments(block: Block) -> Iterator[str]:
    """Yield the arguments that make a block but for its columns, the values of a category first."""
    match block:
        case Number():
            if block.minimum:
                yield f"minimum={_number(block.minimum)}"
            if block.maximum < LARGEST:
                yield f"maximum={_number(block.maximum)}"
            if block.missing is not None:
                yield f"missing={_number(block.missing)}"
        case Category():
            yield f"values={_tuple(block.values)}"
            yield from ["others=True"] if block.others else []
        case Date() if block.missing:
            yield f"missing={_quoted(block.missing)}"
        case Text() if block.maximum != MAX_CHARACTERS:
            yield f"maximum={_number(block.maximum)}"
    if isinstance(block, Category | Text) and block.nullable:
        yield "missing=True"


def _wrapped(start: str, parts: Iterable[str], end: str, *, brackets: bool = False) -> list[str]:
    """Return a statement on one line, or with its parts on as few lines as possible."""
    parts = list(parts)
    line = f"{start}{', '.join(parts)}{end}"
    if len(line) <= WIDTH:
        return [line]
    indent = " " * (len(start) - len(start.lstrip()))
    lines, current = [start + ("(" if brackets else "")], f"{indent}    "
    for part in parts:
        if len(current) + len(part) + 1 > WIDTH:
            lines.append(current.rstrip())
            current = f"{indent}    "
        current += f"{part}, "
    return [*lines, current.rstrip(), f"{indent}{')' if brackets else end}  # fmt: skip"]


def _constant(column: str, taken: Container[str]) -> str:
    """Return the name of a constant with the values of a column, none of those `taken`."""
    words = re.findall(r"[A-Z]?[a-z0-9]+|[A-Z0-9]+", column)
    name = "_".join(["VALUES", *words]).upper()
    others = (f"{name}_{number}" for number in count(2))
    return next(one for one in chain([name], others) if one not in taken)


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _tuple(values: Sequence[str]) -> str:
    inside = ", ".join(map(_quoted, values))
    return f"({inside},)" if len(values) == 1 else f"({inside})"


def _quoted(text: str) -> str:
    """Return a text as Python source, in double quotes."""
    plain = repr(text)
    inside = plain[1:-1]
    return plain if plain[0] == '"' or '"' in inside else f'"{inside}"'


def _number(value: float) -> str:
    return f"{int(value):_}" if value == int(value) else repr(value)


def _project(name: str) -> str:
    return f"""[project]
name = "{name.replace("_", "-")}-use-case"
version = "0.1.0"
description = "The use case {name} of the ML platform."
requires-python = ">=3.11"
dependencies = ["mlplatform-use-cases"]

[project.entry-points."mlplatform.use_cases"]
{name} = "{name}:{class_name(name)}"

[build-system]
requires = ["flit_core>=3.12,<4"]
build-backend = "flit_core.buildapi"

[tool.flit.module]
name = "{name}"
"""


def _test(name: str) -> str:
    return f'''"""Every use case passes the same suite."""

import pytest

from use_cases import use_case
from use_cases.testing import UseCaseContract


class Test{class_name(name).removesuffix("UseCase")}(UseCaseContract):
    @pytest.fixture
    def case(self):
        return use_case("{name}")
'''
