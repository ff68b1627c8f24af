"""The objects of one API server, their versions and events."""

import threading
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from kubernetes_api import fields

Object = dict[str, Any]


class StatusError(Exception):
    """A request whose response is a `Status` with this code."""

    def __init__(self, code: int, reason: str, message: str, details: Object | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.status: Object = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details or {},
            "code": int(code),
        }


@dataclass(frozen=True)
class WatchEvent:
    """One line of a watch."""

    version: int
    type: str
    object: Object


@dataclass
class ObjectStore:
    """The objects of one resource by namespace and name; every change gets the next version.

    `admit` checks and completes what is stored: old and new object → object. `check_status` checks
    an object whose status has changed.
    """

    resource: str
    kind: str
    api_version: str
    admit: Callable[[Object | None, Object], Object] = lambda _, new: new
    check_status: Callable[[Object], None] = lambda _: None
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    events: list[WatchEvent] = field(default_factory=list)
    version: int = 100
    compacted: int = 0
    changed: threading.Condition = field(default_factory=threading.Condition)

    def get(self, namespace: str, name: str) -> Object:
        """Return a copy of an object."""
        with self.changed:
            return deepcopy(self._find(namespace, name))

    def create(self, namespace: str, value: Object, manager: str) -> Object:
        """Add an object."""
        with self.changed:
            name = value["metadata"]["name"]
            if (namespace, name) in self.objects:
                raise StatusError(HTTPStatus.CONFLICT, "AlreadyExists", f"{name} already exists")
            new = deepcopy(value)
            new = self._first(namespace, value)
            bare = {"apiVersion": new["apiVersion"], "kind": new["kind"], "metadata": {}}
            return self._put("ADDED", fields.updated(bare, new, manager))

    def apply(
        self, namespace: str, name: str, applied: Object, manager: str, force: bool
    ) -> Object:
        """Apply a configuration (server-side apply); what does not exist is created."""
        with self.changed:
            configuration = {key: value for key, value in applied.items() if key != "status"}
            if (namespace, name) not in self.objects:
                new = self._first(namespace, configuration)
                return self._put("ADDED", fields.apply(new, configuration, manager, force))
            live = self._find(namespace, name)
            self._check_version(live, applied)
            try:
                result = fields.apply(live, configuration, manager, force)
            except fields.FieldConflict as conflict:
                raise _conflict(conflict) from conflict
            return self._changed(live, result)

    def change(
        self, namespace: str, name: str, change: Callable[[Object], Object], manager: str
    ) -> Object:
        """Replace an object by the result of `change`."""
        with self.changed:
            live = self._find(namespace, name)
            new = change(deepcopy(live))
            self._check_version(live, new)
            return self._changed(live, fields.updated(live, new, manager))

    def delete(self, namespace: str, name: str, options: Object | None = None) -> Object:
        """Remove an object; with foreground propagation it stays until its finalizer is removed."""
        with self.changed:
            live, options = self._find(namespace, name), options or {}
            uid = (options.get("preconditions") or {}).get("uid", live["metadata"]["uid"])
            if uid != live["metadata"]["uid"]:
                raise StatusError(
                    HTTPStatus.CONFLICT, "Conflict", f"the UID of {name} is not {uid}"
                )
            if "deletionTimestamp" in live["metadata"]:
                return deepcopy(live)
            if options.get("propagationPolicy") == "Foreground":
                new = deepcopy(live)
                end = {"finalizers": ["foregroundDeletion"], "deletionTimestamp": _now()}
                new["metadata"] |= end
                return self._put("MODIFIED", new)
            return self._remove(live)

    def compact(self) -> None:
        """Drop all events, so that watches from an older version expire."""
        with self.changed:
            self.compacted = self.version
            self.events.clear()
            self.changed.notify_all()

    def since(self, version: int) -> list[WatchEvent]:
        """Return the events after a version.

        Raises:
            StatusError: the version is too old (410).
        """
        if version < self.compacted:
            raise StatusError(
                HTTPStatus.GONE,
                "Expired",
                f"too old resource version: {version} ({self.compacted})",
            )
        return [event for event in self.events if event.version > version]

    def list(self, namespace: str, name: str | None = None, labels: Object | None = None) -> Object:
        """Return the objects of a namespace as a list, of `name` and with `labels` if given.

        A label whose value is `None` must exist.
        """
        wanted = labels or {}
        with self.changed:
            items = [
                deepcopy(value)
                for (ns, n), value in sorted(self.objects.items())
                if ns == namespace
                and name in (None, n)
                and _selected(wanted, value["metadata"].get("labels") or {})
            ]
            return {
                "apiVersion": self.api_version,
                "kind": f"{self.kind}List",
                "metadata": {"resourceVersion": str(self.version)},
                "items": items,
            }

    def _first(self, namespace: str, value: Object) -> Object:
        new = deepcopy(value)
        uid = f"uid-{new['metadata']['name']}-{self.version}"
        new["metadata"] |= {"namespace": namespace, "uid": uid, "generation": 1}
        new.pop("status", None)  # only the status subresource sets it
        return self.admit(None, new)

    def _remove(self, live: Object) -> Object:
        del self.objects[live["metadata"]["namespace"], live["metadata"]["name"]]
        self._record("DELETED", live)
        return live

    def _find(self, namespace: str, name: str) -> Object:
        if (namespace, name) not in self.objects:
            raise StatusError(
                HTTPStatus.NOT_FOUND,
                "NotFound",
                f'{self.resource} "{name}" not found',
            )
        return self.objects[namespace, name]

    def _check_version(self, live: Object, new: Object) -> None:
        given = new["metadata"].get("resourceVersion")
        if given not in (None, live["metadata"]["resourceVersion"]):
            raise StatusError(
                HTTPStatus.CONFLICT,
                "Conflict",
                f'Operation cannot be fulfilled on "{live["metadata"]["name"]}": the object has '
                "been modified; please apply your changes to the latest version and try again",
            )

    def _changed(self, live: Object, new: Object) -> Object:
        if _content(live) == _content(new):
            return deepcopy(live)  # without a change there is no new version
        if _content(live, "status") != _content(new, "status"):
            new = self.admit(live, new)
        if live.get("status") != new.get("status"):
            self.check_status(new)
        if "deletionTimestamp" in live["metadata"] and not new["metadata"].get("finalizers"):
            return self._remove(live)
        if live.get("spec") != new.get("spec"):
            new["metadata"]["generation"] = live["metadata"]["generation"] + 1
        return self._put("MODIFIED", new)

    def _put(self, what: str, value: Object) -> Object:
        key = value["metadata"]["namespace"], value["metadata"]["name"]
        self.objects[key] = value
        self._record(what, value)
        return deepcopy(value)

    def _record(self, what: str, value: Object) -> None:
        self.version += 1
        value["metadata"]["resourceVersion"] = str(self.version)
        self.events.append(WatchEvent(self.version, what, deepcopy(value)))
        self.changed.notify_all()


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _selected(wanted: Object, labels: Object) -> bool:
    return all(
        key in labels if value is None else labels.get(key) == value
        for key, value in wanted.items()
    )


def _content(value: Object, *without: str) -> Object:
    skipped = ("resourceVersion", *(["managedFields"] if without else []))
    metadata = {k: v for k, v in value["metadata"].items() if k not in skipped}
    return {k: v for k, v in value.items() if k not in without} | {"metadata": metadata}


def _conflict(conflict: fields.FieldConflict) -> StatusError:
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{owner}"',
            "field": "." + ".".join(path),
        }
        for path, owner in sorted(conflict.owners.items())
    ]
    owners = " and ".join(sorted({f'"{owner}"' for owner in conflict.owners.values()}))
    message = f"Apply failed with {len(causes)} conflicts: conflicts with {owners}"
    return StatusError(HTTPStatus.CONFLICT, "Conflict", message, {"causes": causes})
