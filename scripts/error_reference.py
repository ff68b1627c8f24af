"""Write `docs/reference/errors.md`: every error of the platform with the messages it can carry.

The list is read from the source: classes below `PlatformError`, and each place that raises one.
"""

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reference_page import ROOT, ReferencePage, prose

BASE = "PlatformError"
HEAD = """# Errors

Every error of the platform and the messages it can carry, generated from the source by
`python scripts/error_reference.py`. `{…}` stands for a value. The gateway answers with an RFC 9457
problem document whose `code` is the code below; `mlplatform` and the programs print the message as
the last line on standard error.
"""


@dataclass
class ErrorClass:
    """An error class: its bases by name, code, summary, and messages with their module."""

    name: str
    bases: list[str]
    code: str = ""
    summary: str = ""
    messages: set[tuple[str, str]] = field(default_factory=set)


def page() -> str:
    """Return the page from the source of every package."""
    return render(error_classes(list(source_files())))


def source_files() -> Iterator[Path]:
    """Yield the modules of every workspace member, except test helpers."""
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    for member in sorted(members["members"]):
        for path in sorted((ROOT / member / "src").rglob("*.py")):
            if not {"testing", "testing.py"} & set(path.parts):
                yield path


def error_classes(paths: list[Path]) -> dict[str, ErrorClass]:
    """Return the classes below `PlatformError` in `paths`, with the messages raised."""
    trees = {path: ast.parse(path.read_text()) for path in paths}
    found = {c.name: c for tree in trees.values() for c in _classes(tree)}
    known = {name: c for name, c in found.items() if BASE in _ancestors(name, found)}
    for path, tree in trees.items():
        for name, message in _raised(tree, known):
            known[name].messages.add((message, path.relative_to(ROOT).as_posix()))
    return known


def render(classes: dict[str, ErrorClass]) -> str:
    """Return the page: a section per class with its code, summary and messages."""
    lines = [HEAD]
    for name in sorted(classes):
        error = classes[name]
        code = _code(name, classes)
        lines += [f"## {name}", "", f"Code `{code}`. {error.summary}", ""]
        for message, module in sorted(error.messages):
            lines.append(f"- {prose(message)} ([{Path(module).stem}](../../{module}))")
        if error.messages:
            lines.append("")
    return "\n".join(lines)


def _classes(tree: ast.Module) -> Iterator[ErrorClass]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            bases = [base.id for base in node.bases if isinstance(base, ast.Name)]
            summary = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
            yield ErrorClass(node.name, bases, _assigned_code(node), summary)


def _assigned_code(node: ast.ClassDef) -> str:
    for statement in node.body:
        if (
            isinstance(statement, ast.Assign)
            and isinstance(statement.targets[0], ast.Name)
            and statement.targets[0].id == "code"
            and isinstance(statement.value, ast.Constant)
        ):
            return str(statement.value.value)
    return ""


def _ancestors(name: str, classes: dict[str, ErrorClass]) -> set[str]:
    if name == BASE:
        return {BASE}
    bases = classes[name].bases if name in classes else []
    return {name for base in bases for name in (_ancestors(base, classes) | {base})}


def _code(name: str, classes: dict[str, ErrorClass]) -> str:
    error = classes[name]
    if error.code:
        return error.code
    return next(
        (code for base in error.bases if base in classes and (code := _code(base, classes))), ""
    )


def _raised(tree: ast.Module, known: dict[str, ErrorClass]) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            message = _text(node.args[0])
            if node.func.id in known and message:
                yield node.func.id, message


def _text(node: ast.expr) -> str:
    """Return a string expression with `{…}` for its values, empty for anything else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        parts = [str(v.value) if isinstance(v, ast.Constant) else "{…}" for v in node.values]
        return "".join(parts)
    return ""


PAGE = ReferencePage("errors", "error_reference.py", page)

if __name__ == "__main__":
    sys.exit(PAGE.main())
