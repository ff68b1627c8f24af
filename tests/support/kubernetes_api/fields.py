"""Ownership of fields: server-side apply as Kubernetes implements it.

A field is identified by its path, a tuple of keys. Lists are atomic, as in custom resources whose
schema does not say otherwise. https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from collections.abc import Iterable, Iterator
from copy import deepcopy
from typing import Any

Object = dict[str, Any]
Path = tuple[str, ...]
# Not owned by any field manager.
IDENTITY = {("apiVersion",), ("kind",)}
SERVER_FIELDS = {
    ("metadata", key)
    for key in (
        "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp",
        "managedFields",
    )
}  # fmt: skip
APPLY, UPDATE = "Apply", "Update"


class FieldConflict(Exception):
    """Fields of other managers would change: `owners` by path."""

    def __init__(self, owners: dict[Path, str]) -> None:
        super().__init__(owners)
        self.owners = owners


def fields_of(value: object, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of all leaves; a list and an empty object are leaves."""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from fields_of(below, (*path, key))
    elif path and path not in IDENTITY | SERVER_FIELDS:
        yield path


def read(value: Any, path: Path) -> Any:
    """Return the value at a path, `None` if there is none."""
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value


def apply(live: Object, applied: Object, manager: str, force: bool) -> Object:
    """Return `live` with the fields that `manager` applies, without those it no longer applies.

    Raises:
        FieldConflict: another manager owns a field with another value, and `force` is not set.
    """
    owners = _owners(live)
    mine = (manager, APPLY)
    now = set(fields_of(applied))
    different = {p for p in now if read(live, p) != read(applied, p)}
    conflicts = {
        path: other
        for (other, operation), paths in owners.items()
        if (other, operation) != mine
        for path in different
        if any(_touch(path, theirs) for theirs in paths)
    }
    if conflicts and not force:
        raise FieldConflict(conflicts)
    for key, paths in owners.items():
        if key != mine:
            owners[key] = {p for p in paths if not any(_touch(p, d) for d in different)}
    result = deepcopy(live)
    for path in owners.get(mine, set()) - now:
        if not any(path in paths for key, paths in owners.items() if key != mine):
            _remove(result, path)
    for path in now:
        _write(result, path, read(applied, path))
    owners[mine] = now
    return _with_owners(result, owners)


def updated(before: Object, after: Object, manager: str) -> Object:
    """Return `after`, with `manager` as the owner of every field that changed."""
    owners = _owners(before)
    new = set(fields_of(after))
    changed = {p for p in new if read(before, p) != read(after, p)}
    for key, paths in owners.items():
        owners[key] = {p for p in paths if p in new and p not in changed}
    mine = (manager, UPDATE)
    owners[mine] = owners.get(mine, set()) | changed
    return _with_owners(after, owners)


def _touch(one: Path, other: Path) -> bool:
    """Return whether the paths are equal or one contains the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _owners(value: Object) -> dict[tuple[str, str], set[Path]]:
    entries = value["metadata"].get("managedFields", [])
    return {(e["manager"], e["operation"]): set(_from_v1(e["fieldsV1"])) for e in entries}


def _with_owners(value: Object, owners: dict[tuple[str, str], set[Path]]) -> Object:
    entries = [
        {
            "manager": manager,
            "operation": operation,
            "apiVersion": value["apiVersion"],
            "fieldsType": "FieldsV1",
            "fieldsV1": _to_v1(paths),
        }
        for (manager, operation), paths in sorted(owners.items())
        if paths
    ]
    value["metadata"]["managedFields"] = entries
    return value


def _to_v1(paths: Iterable[Path]) -> Object:
    tree: Object = {}
    for path in sorted(paths):
        below = tree
        for key in path:
            below = below.setdefault(f"f:{key}", {})
    return tree


def _from_v1(tree: Object, path: Path = ()) -> Iterator[Path]:
    for key, below in tree.items():
        here = (*path, key.removeprefix("f:"))
        if below:
            yield from _from_v1(below, here)
        else:
            yield here


def _write(value: Object, path: Path, content: object) -> None:
    for key in path[:-1]:
        value = value.setdefault(key, {})
    value[path[-1]] = deepcopy(content)


def _remove(value: Object, path: Path) -> None:
    """Remove a leaf, and the objects that become empty."""
    parents = [value]
    for key in path[:-1]:
        if not isinstance(parents[-1].get(key), dict):
            return
        parents.append(parents[-1][key])
    parents[-1].pop(path[-1], None)
    for depth in range(len(path) - 2, -1, -1):
        if not parents[depth + 1]:
            parents[depth].pop(path[depth], None)
