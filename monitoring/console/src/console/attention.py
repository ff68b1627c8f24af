"""What needs attention, oldest first, each item with the page of its next action."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from textwrap import shorten
from urllib.parse import quote, urlencode

from console.pages.platform import ENVIRONMENTS, Platform, of_target
from console.web.values import tone
from mlplatform_client.models.changes import ChangeDocument
from mlplatform_client.models.drift import DriftInfo
from mlplatform_client.models.history import PipelineRun
from mlplatform_client.models.quality import QualityEstimate, QualityInfo
from mlplatform_client.models.releases import EnvironmentState, TriedChange
from platform_core.contracts.tasks import ERROR_METRICS
from platform_core.errors import DataUnchanged

LONGEST = 240
SLOW_CHANGE = timedelta(minutes=1)
NOT_APPLIED = {"failed": "failed", "refused": "was refused"}
CANDIDATE_VERDICTS = {
    "worse": ("bad", "abort", "End the {role}"),
    "better": ("good", "promote", "Promote the {role}"),
    "equivalent": ("info", "promote", "Promote or end the {role}"),
}


@dataclass(frozen=True)
class AttentionItem:
    """One thing to do: what, where, since when, and the link to do it.

    A key below the role `needs` may not open `url`; it may open `evidence`.
    """

    since: datetime | None
    tone: str
    kind: str
    text: str
    use_case: str
    environment: str
    action: str
    url: str
    needs: str = "viewer"
    evidence: str = ""


def attention(platform: Platform, now: datetime) -> list[AttentionItem]:
    """Return everything that needs attention, oldest first."""
    found = [
        *_changes(platform, now),
        *_reports(platform),
        *_candidates(platform),
        *_missing(platform),
        *_runs(platform),
        *_dependencies(platform),
    ]
    return sorted(found, key=lambda one: (one.since is None, one.since or now))


def change_url(use_case: str, environment: str, action: str, **given: str) -> str:
    """Return the confirmation page of a change."""
    query = urlencode({"action": action, **given})
    return f"/use-cases/{use_case}/{environment}/change?{query}"


def _changes(platform: Platform, now: datetime) -> Iterator[AttentionItem]:
    for one in platform.open_changes.value or []:
        request = one.request
        if one.status == "suggested":
            yield _change(one, "info", "suggestion", "waits for approval", "Approve or reject")
        elif now - request.created_at > SLOW_CHANGE:
            yield _change(one, "warn", "change", "is not applied yet", "Look at its progress")
    for use_case, by_environment in (platform.states.value or {}).items():
        for environment, state in by_environment.items():
            tried = state.last_change
            if tried is not None and tried.status in NOT_APPLIED:
                yield _not_applied(tried, use_case, environment)


def _not_applied(tried: TriedChange, use_case: str, environment: str) -> AttentionItem:
    text = f"{tried.action} {NOT_APPLIED[tried.status]}: {_cut(tried.detail)}"
    url = f"/changes/{tried.change_id}"
    place = (use_case, environment)
    return AttentionItem(tried.time, tone(tried.status), "change", text, *place, "See why", url)


def _change(one: ChangeDocument, tone: str, kind: str, what: str, action: str) -> AttentionItem:
    request = one.request
    release = f" of {request.release_id[:8]}" if request.release_id else ""
    percent = f" at {request.percent} %" if request.percent else ""
    text = f"{request.action}{release}{percent} {what}"
    place = (request.use_case, request.environment)
    return AttentionItem(
        request.created_at, tone, kind, text, *place, action, f"/changes/{request.change_id}"
    )


def _reports(platform: Platform) -> Iterator[AttentionItem]:
    for use_case, environment in _serving(platform):
        drift = of_target(platform.drift, use_case, environment)
        quality = of_target(platform.quality, use_case, environment)
        url = f"/use-cases/{use_case}/quality?environment={environment}"
        place = (use_case, environment, "Look at the report", url)
        state = platform.state(use_case, environment)
        if drift is not None and drift.harmful and not _replaced(drift, state):
            text = "; ".join(drift.harm or []) or "the answers are harmful"
            since = platform.alarms.get(("harm", use_case, environment)) or drift.end
            yield AttentionItem(since, "bad", "harm", text, *place)
        if quality is not None and quality.status == "below-gate" and not _replaced(quality, state):
            missed = [_gate(g) for g in quality.gates or [] if _missed(g)]
            text = f"below its gate: {', '.join(missed) or 'a metric'}"
            since = platform.alarms.get(("quality", use_case, environment)) or quality.end
            yield AttentionItem(since, "bad", "quality", text, *place)
        if quality is not None and quality.status in {"no-report", "not-enough"}:
            yield from _unknown_quality(platform, use_case, environment, quality)


def _replaced(report: DriftInfo | QualityInfo, state: EnvironmentState | None) -> bool:
    """Return whether a report is about a release that is not the stable one any more."""
    if report.release_id is None or state is None:
        return False
    return report.release_id != state.state.stable


def _gate(gate: QualityEstimate) -> str:
    return f"{gate.metric} of {gate.slice}" if gate.slice else gate.metric


def _missed(gate: QualityEstimate) -> bool:
    """Return whether an estimate is clearly on the wrong side of its gate."""
    if gate.metric in ERROR_METRICS:
        return gate.low is not None and gate.low > gate.limit
    return gate.high is not None and gate.high < gate.limit


def _unknown_quality(
    platform: Platform, use_case: str, environment: str, quality: QualityInfo
) -> Iterator[AttentionItem]:
    """Yield an item for production: in staging there are rarely any labels."""
    state = platform.state(use_case, environment)
    traffic = of_target(platform.traffic, use_case, environment)
    if environment != "production" or state is None or not traffic or not traffic.answers:
        return
    stable = state.roles.get("stable")
    place = (use_case, environment)
    query = f"?environment={environment}"
    if quality.status == "no-report":
        reason, action, page = "no report yet", "See when it is measured", "quality"
    else:
        known = f"{quality.labelled:,}" if quality.labelled is not None else "an unknown number"
        rows = f"{quality.rows:,}" if quality.rows is not None else "an unknown number of"
        reason = f"too few labels, {known} of {rows} answers"
        action, page = "Send labels", "predictions"
    yield AttentionItem(
        stable.since if stable else None, "warn", "quality",
        f"quality of the live answers is unknown: {reason}",
        *place, action, f"/use-cases/{use_case}/{page}{query}",
        needs="operator" if page == "predictions" else "viewer",
        evidence=f"/use-cases/{use_case}/quality{query}",
    )  # fmt: skip


def _candidates(platform: Platform) -> Iterator[AttentionItem]:
    for (use_case, environment), known in platform.comparisons.items():
        one = known.value
        state = platform.state(use_case, environment)
        if one is None or state is None or not _present(one.candidate_release, state.state):
            continue
        if one.verdict in CANDIDATE_VERDICTS:
            tone, action, label = CANDIDATE_VERDICTS[one.verdict]
            text = f"the {one.role} {one.candidate_release[:8]} is {one.verdict}"
            given = {"release_id": one.candidate_release} if action == "promote" else {}
            url = change_url(use_case, environment, action, **given)
            yield AttentionItem(
                one.updated, tone, "comparison", text, use_case, environment,
                label.format(role=one.role), url, needs="admin",
                evidence=f"/use-cases/{use_case}/comparison?environment={environment}",
            )  # fmt: skip


def _present(release_id: str, state: object) -> bool:
    roles = [getattr(state, "canary", None), getattr(state, "shadow", None)]
    return release_id in {one.release_id for one in roles if one}


def _missing(platform: Platform) -> Iterator[AttentionItem]:
    """Yield the use cases that serve in staging, and not in production."""
    for use_case in platform.states.value or {}:
        staging = platform.state(use_case, "staging")
        production = platform.state(use_case, "production")
        if staging and staging.state.stable and production and not production.state.stable:
            role = staging.roles.get("stable")
            url = change_url(use_case, "production", "promote", release_id=staging.state.stable)
            text = f"no release serves; staging has {staging.state.stable[:8]}"
            yield AttentionItem(
                role.since if role else None,
                "warn", "release", text, use_case, "production", "Promote to production", url,
                needs="admin",
                evidence=f"/use-cases/{use_case}/releases/{staging.state.stable}",
            )  # fmt: skip


def _runs(platform: Platform) -> Iterator[AttentionItem]:
    """Yield use cases whose newest run has failed."""
    for run in platform.newest_runs.value or []:
        if run.status == "failed":
            yield _run(run)


def _run(run: PipelineRun) -> AttentionItem:
    failure, tone = run.failure, "bad"
    text = f"run {run.run_id} failed"
    if failure is not None and failure.code == DataUnchanged.code:
        tone, text = "warn", f"nothing new to train on: {_cut(failure.message)}"
    elif failure is not None:
        text = f"{text} in {failure.step}: {_cut(failure.message)}"
    url = f"/runs/{run.use_case}/{quote(run.run_id, safe='')}"
    return AttentionItem(run.updated_at, tone, "run", text, run.use_case, "", "See the run", url)


def _dependencies(platform: Platform) -> Iterator[AttentionItem]:
    health = platform.health.value
    if health is None:
        return
    for name, part in health.dependencies.items():
        if part.get("status") == "unavailable":
            text = f"{name} is unavailable: {_cut(part.get('detail', ''))}"
            yield AttentionItem(
                platform.down.get(name),
                "bad",
                "platform",
                text,
                "",
                "",
                "See the platform",
                "#platform",
            )


def _cut(message: object) -> str:
    return shorten(str(message), LONGEST, placeholder=" …")


def _serving(platform: Platform) -> Iterator[tuple[str, str]]:
    """Yield the use cases and environments that serve a release."""
    for use_case in platform.states.value or {}:
        for environment in ENVIRONMENTS:
            one = platform.state(use_case, environment)
            if one is not None and one.state.stable:
                yield use_case, environment.value
