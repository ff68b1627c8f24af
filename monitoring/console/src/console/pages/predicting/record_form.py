"""A form made from the JSON schema of a use case's record, and the record that it sends."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from starlette.datastructures import FormData

from mlplatform_client.models.history import UseCaseDocument
from mlplatform_client.models.operations import FieldProblem

PREFIX = "field-"
LONG_TEXTS = ("body", "text", "message", "content", "description", "comment")
LONG_ROWS, SHORT_ROWS = 8, 1


@dataclass(frozen=True)
class RecordInput:
    """One control of the form: `kind` is `text`, `long`, `number` or `choice`.

    `name` is that of the control, `path` that of the value in the record, for example `features.2`.
    """

    name: str
    path: str
    label: str
    kind: str
    required: bool
    nullable: bool
    options: Sequence[Any] = ()
    low: float | None = None
    high: float | None = None
    whole: bool = False
    max_length: int | None = None
    value: str = ""
    problem: str = ""

    @property
    def rows(self) -> int:
        """The height of a text box."""
        return LONG_ROWS if self.kind == "long" else SHORT_ROWS


def record_inputs(case: UseCaseDocument, values: Mapping[str, str]) -> list[RecordInput]:
    """Return the controls of a use case's form, filled with `values` by the name of the control."""
    found = _inputs(case)
    return [replace(one, value=values.get(one.name, "")) for one in found]


def example_values(record: Mapping[str, Any]) -> dict[str, str]:
    """Return the values of the controls for a record."""
    found: dict[str, str] = {}
    for key, value in record.items():
        if isinstance(value, list):
            found |= {f"{PREFIX}{key}.{n}": _shown(one) for n, one in enumerate(value)}
        else:
            found[f"{PREFIX}{key}"] = _shown(value)
    return found


def sent_values(form: FormData) -> dict[str, str]:
    """Return what the controls of a sent form have; line ends as they were typed."""
    return {
        name: value.replace("\r\n", "\n")
        for name, value in form.items()
        if name.startswith(PREFIX) and isinstance(value, str)
    }


def record_of(case: UseCaseDocument, values: Mapping[str, str]) -> dict[str, Any]:
    """Return the record that the controls describe; the gateway checks it."""
    record: dict[str, Any] = {}
    for one in record_inputs(case, values):
        value = _value(one)
        key, _, place = one.path.partition(".")
        if place:
            record.setdefault(key, []).append(value)
        elif value is not None:
            record[key] = value
    return record


def with_problems(
    inputs: Sequence[RecordInput], problems: Sequence[FieldProblem]
) -> list[RecordInput]:
    """Return the controls, each with what the gateway says about it."""
    said = {one.field: one.detail for one in problems}
    return [
        replace(one, problem=said.get(one.path) or said.get(one.path.partition(".")[0], ""))
        for one in inputs
    ]


def _inputs(case: UseCaseDocument) -> Iterator[RecordInput]:
    required = set(case.record.get("required", ()))
    for key, schema in case.record.get("properties", {}).items():
        inner, nullable = _inner(schema)
        if "const" in inner:
            continue
        if inner.get("type") == "array":
            count = int(inner.get("minItems", 1))
            names = inner.get("x-columns", [f"{key} {place + 1}" for place in range(count)])
            for place, label in enumerate(names):
                path = f"{key}.{place}"
                yield _input(path, label, inner.get("items", {}), key in required, False)
        else:
            one = _input(key, key, inner, key in required, nullable)
            yield replace(one, kind="id") if key == case.id_column else one


def _input(
    path: str, label: str, schema: Mapping[str, Any], required: bool, nullable: bool
) -> RecordInput:
    kind = schema.get("type", "string")
    common = RecordInput(f"{PREFIX}{path}", path, label, "text", required, nullable)
    if "enum" in schema:
        return replace(common, kind="choice", options=tuple(schema["enum"]))
    if kind == "boolean":
        return replace(common, kind="choice", options=("true", "false"))
    if kind in {"number", "integer"}:
        low, high = schema.get("minimum"), schema.get("maximum")
        return replace(common, kind="number", low=low, high=high, whole=kind == "integer")
    long = any(word in path.lower() for word in LONG_TEXTS)
    return replace(
        common,
        kind="long" if long else "text",
        required=required and bool(schema.get("minLength")),
        max_length=schema.get("maxLength"),
    )


def _inner(schema: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """Return the schema of a value that is there, and whether it may be missing."""
    options = schema.get("anyOf", [schema])
    inner = [one for one in options if one.get("type") != "null"]
    return (inner[0] if inner else {}), len(inner) < len(options)


def _value(one: RecordInput) -> Any:
    text = one.value
    if one.kind == "number":
        try:
            return int(text) if one.whole else float(text)
        except ValueError:
            return text.strip() or None  # the gateway names the field
    if one.kind == "choice":
        known = next((option for option in one.options if str(option) == text), text)
        return known if text else None
    return None if not text and one.nullable else text


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
