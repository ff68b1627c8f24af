"""Changes: the list, one change with its progress, and the decision about a suggested one."""

from fastapi import APIRouter
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from console.gateway.value_cache import CachedValue
from console.pages.platform import read_comparison
from console.web.errors import PageNotFound
from console.web.forms import field
from console.web.problems import GatewayProblem, gateway_problem
from console.web.visit import SignedIn, Visit
from mlplatform_client.errors import APIStatusError
from mlplatform_client.models.changes import ChangeDocument
from mlplatform_client.models.comparisons import Comparison

router = APIRouter()
FINAL = {"applied", "refused", "failed", "rejected"}
STATUSES = ("suggested", "requested", "applied", "refused", "failed", "rejected")
PAGE = 25
SOON = 2
"""Seconds between refreshes of a change that is under way."""
MAX_REASON = 1000


@router.get("/changes")
async def changes(
    visit: SignedIn, use_case: str = "", status: str = "", cursor: str | None = None
) -> Response:
    """List changes, newest first, with filters."""
    name = f"changes {use_case} {status} {cursor or ''}"
    listed = visit.api.changes.list(
        use_case=use_case or None, status=status or None, page_size=PAGE
    )
    known = await visit.read(name, lambda: listed.page(cursor))
    return await visit.page(
        "changes.html",
        "Changes",
        use_case=use_case,
        known=known,
        cases=[one.name for one in await visit.use_cases()],
        statuses=STATUSES,
        concerned=concerned_release,
        use_case_filter=use_case,
        status_filter=status,
        first=cursor is None,
    )


@router.get("/changes/{change_id}")
async def change(visit: SignedIn, change_id: str) -> Response:
    """Show a change: what was requested, by whom and why, and how far it is."""
    return await _page(visit, change_id)


@router.post("/changes/{change_id}/{decision}")
async def decide(visit: SignedIn, change_id: str, decision: str) -> Response:
    """Approve or reject a suggested change."""
    if decision not in {"approve", "reject"}:
        raise PageNotFound(f"A change can be approved or rejected, not {decision!r:.40}.")
    form = await visit.form("admin")
    reason = field(form, "reason")
    api = visit.api.changes
    call = api.approve if decision == "approve" else api.reject
    try:
        await call(change_id, reason=reason)
    except APIStatusError as error:
        return await _page(visit, change_id, gateway_problem(error), reason)
    return RedirectResponse(f"/changes/{change_id}", 303)


async def _page(
    visit: Visit, change_id: str, problem: GatewayProblem | None = None, reason: str = ""
) -> Response:
    known = await visit.read(f"change {change_id}", lambda: visit.api.changes.get(change_id))
    one = known.value
    comparison = None
    if one is not None and one.request.action in {"promote", "abort", "canary"}:
        request = one.request
        comparison = await read_comparison(visit, request.use_case, request.environment)
    return await visit.page(
        "change.html",
        f"{one.request.action.capitalize()} {one.request.use_case}" if one else "Change",
        use_case=one.request.use_case if one else "",
        status=problem.status if problem else 200,
        live=SOON if one is not None and one.status not in FINAL else 0,
        known=known,
        change=one,
        change_id=change_id,
        concerned=concerned_release(one) if one else None,
        judged=_judged(one) if one else None,
        comparison=comparison,
        problem=problem,
        reason=reason,
        max_reason=MAX_REASON,
        open=one is not None and _may_be_decided(one),
    )


def concerned_release(one: ChangeDocument) -> str | None:
    """Return the release that a change is about, `None` while it is not chosen yet."""
    request, result = one.request, one.result
    if request.release_id or result is None:
        return request.release_id
    before, after = result.from_state, result.to_state
    if request.action == "abort":
        trial = before.canary if before.canary != after.canary else before.shadow
    else:
        trial = {"canary": after.canary, "shadow": after.shadow}.get(request.action)
    return trial.release_id if trial else after.stable


def _judged(one: ChangeDocument) -> CachedValue[Comparison] | None:
    """Return the comparison that made a policy request a change, `None` for other evidence."""
    try:
        found = Comparison.model_validate(one.request.evidence)
    except ValidationError:
        return None
    return CachedValue(found, one.request.created_at)


def _may_be_decided(one: ChangeDocument) -> bool:
    """Return whether a person can still decide: until the controller has begun."""
    return one.status == "suggested" or (one.status == "requested" and not one.steps)
