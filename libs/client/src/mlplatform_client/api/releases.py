"""Releases, and the changes of what an environment serves."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from pydantic import TypeAdapter

from mlplatform_client.endpoints import PAGE_SIZE, Listing, Resource, TransportT, endpoint, pages
from mlplatform_client.flows import Flow, Request, get, post, segment
from mlplatform_client.models.changes import LedgerEntry, RequestedChange, UseCaseReleases
from mlplatform_client.models.common import PRODUCTION, Environment
from mlplatform_client.models.releases import (
    EnvironmentState,
    ModelInfo,
    ReleaseCard,
    ReleaseSummary,
    ServedRelease,
    ServingState,
)
from mlplatform_client.streams import streaming

Summaries = list[ReleaseSummary]
_STATES = TypeAdapter(dict[str, dict[Environment, EnvironmentState]])
_SERVED = TypeAdapter(dict[Environment, ServedRelease | None])
_INFO = TypeAdapter(dict[str, dict[Environment, ModelInfo | None]])


class ReleasesResource(Resource[TransportT]):
    """The releases of all use cases.

    `promote`, `rollback`, `canary`, `shadow` and `abort` request a change and return at once;
    follow it with `changes.wait`. With `expected_state` a change is refused (`ConflictError`) if
    the state is another one. Each call has an `Idempotency-Key`, so that a repeated request makes
    one change; give your own key where another program, or a later run, may make the same call.
    """

    @endpoint
    def states(self) -> Flow[dict[str, dict[Environment, EnvironmentState]]]:
        """Return the serving states by use case and environment."""
        return get("/releases", _STATES)

    @endpoint
    def info(
        self, use_case: str | None = None
    ) -> Flow[dict[str, dict[Environment, ModelInfo | None]]]:
        """Return metrics, lineage and tensors of the serving releases."""
        return get("/model/info", _INFO, use_case=use_case)

    @endpoint
    def list(self, use_case: str) -> Flow[Summaries]:
        """Return the 100 newest releases of a use case, newest first."""
        found = yield from _releases(use_case, 1)
        return found.releases

    @endpoint
    def describe(
        self,
        use_case: str,
        *,
        page_size: int = PAGE_SIZE,
        cursor: str | None = None,
        releases_page_size: int = PAGE_SIZE,
        releases_cursor: str | None = None,
    ) -> Flow[UseCaseReleases]:
        """Return states, a page of the releases and a page of the history of a use case."""
        return _releases(use_case, page_size, cursor, releases_page_size, releases_cursor)

    @pages
    def history(
        self, use_case: str, *, page_size: int = PAGE_SIZE
    ) -> Listing[UseCaseReleases, LedgerEntry]:
        """List the ledger entries of a use case, newest first."""
        return Listing(
            lambda cursor: _releases(use_case, page_size, cursor), lambda page: page.history
        )

    @endpoint
    def served_at(
        self, use_case: str, time: datetime | str
    ) -> Flow[dict[Environment, ServedRelease | None]]:
        """Return what each environment served at a time (with a time zone)."""
        return get(f"/releases/{segment(use_case)}", _SERVED, at=time)

    @endpoint
    def get(
        self, use_case: str, release_id: str, *, compare: str | None = None
    ) -> Flow[ReleaseCard]:
        """Return a release: card, lineage, gates; `compare` with another one.

        Both ids may be the beginning of one.
        """
        path = f"/releases/{segment(use_case)}/{segment(release_id)}"
        return get(path, ReleaseCard, compare=compare)

    @streaming
    def card_page(self, use_case: str, release_id: str) -> Request:
        """Open the model card, an HTML page: a context whose value is iterated over by chunks.

        The id may be the beginning of one.
        """
        return Request("GET", f"/releases/{segment(use_case)}/{segment(release_id)}/card")

    @endpoint
    def promote(
        self,
        use_case: str,
        *,
        reason: str,
        environment: Environment = PRODUCTION,
        release_id: str | None = None,
        expected_state: ServingState | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[RequestedChange]:
        """Make a release the stable one: by default the canary, else the release of staging."""
        body = _body("promote", reason, expected_state, release_id=release_id)
        return _change(use_case, environment, body, idempotency_key)

    @endpoint
    def rollback(
        self,
        use_case: str,
        *,
        reason: str,
        environment: Environment = PRODUCTION,
        release_id: str | None = None,
        expected_state: ServingState | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[RequestedChange]:
        """Make an earlier release the stable one again: by default the previous one."""
        body = _body("rollback", reason, expected_state, release_id=release_id)
        return _change(use_case, environment, body, idempotency_key)

    @endpoint
    def canary(
        self,
        use_case: str,
        release_id: str | None = None,
        *,
        percent: int,
        reason: str,
        environment: Environment = PRODUCTION,
        expected_state: ServingState | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[RequestedChange]:
        """Let a release answer `percent` (1 to 99) of the routing keys, or change the percent."""
        body = _body("canary", reason, expected_state, release_id=release_id, percent=percent)
        return _change(use_case, environment, body, idempotency_key)

    @endpoint
    def shadow(
        self,
        use_case: str,
        release_id: str | None = None,
        *,
        reason: str,
        percent: int | None = None,
        environment: Environment = PRODUCTION,
        expected_state: ServingState | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[RequestedChange]:
        """Send a release a copy of `percent` (1 to 100, by default all) of the requests."""
        body = _body("shadow", reason, expected_state, release_id=release_id, percent=percent)
        return _change(use_case, environment, body, idempotency_key)

    @endpoint
    def abort(
        self,
        use_case: str,
        *,
        reason: str,
        environment: Environment = PRODUCTION,
        expected_state: ServingState | None = None,
        idempotency_key: str | None = None,
    ) -> Flow[RequestedChange]:
        """End the canary and the shadow."""
        body = _body("abort", reason, expected_state)
        return _change(use_case, environment, body, idempotency_key)


def _releases(
    use_case: str,
    limit: int,
    cursor: str | None = None,
    releases_limit: int = PAGE_SIZE,
    releases_cursor: str | None = None,
) -> Flow[UseCaseReleases]:
    path = f"/releases/{segment(use_case)}"
    releases = {"releases_limit": releases_limit, "releases_cursor": releases_cursor}
    return get(path, UseCaseReleases, limit=limit, cursor=cursor, **releases)


def _body(
    action: str, reason: str, expected_state: ServingState | None, **given: Any
) -> dict[str, Any]:
    body = {"action": action, "reason": reason, "expected_state": expected_state, **given}
    return {name: value for name, value in body.items() if value is not None}


def _change(
    use_case: str, environment: str, body: dict[str, Any], idempotency_key: str | None
) -> Flow[RequestedChange]:
    path = f"/releases/{segment(use_case)}/{segment(environment)}"
    headers = {"Idempotency-Key": idempotency_key or uuid4().hex}
    return post(path, RequestedChange, body, headers, repeatable=True)
