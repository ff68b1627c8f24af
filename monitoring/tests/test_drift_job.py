"""Results of a run: reports, revisions, failures and retraining requests."""

import io
import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pyarrow.parquet as pq
import pytest

from drift_detector.window import Window, next_tick, parse_time, window_between
from platform_core.contracts.drift_report import DriftReport, DriftVerdict
from platform_core.contracts.environments import Environment
from platform_core.drift_reports import read_reports
from platform_core.errors import (
    ConfigurationError,
    InvalidInput,
    UnknownUseCase,
    UpstreamUnavailable,
)
from platform_core.hashing import sha256_bytes
from platform_core.policies.contract import Mode, Policy, RetrainingPolicy
from platform_core.reports.retrain_requests import RetrainRequests
from platform_core.storage import baseline_path, drift_report_folder
from use_cases import use_case

HOUR = timedelta(hours=1)
PRODUCTION = Environment.PRODUCTION


def last_hour(world) -> Window:
    return Window(world.clock.now() - HOUR, world.clock.now())


def stored(world, window: Window, environment: str = "production") -> list[DriftReport]:
    return read_reports(world.store, drift_report_folder("iris", environment, window.end))


def files(world) -> dict[str, bytes]:
    return {b.path: world.store.read(b.path) for b in world.store.list("drift-reports")}


def test_a_report_is_stored_as_json_and_as_parquet(world, records_of):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 300, 1))
    window = last_hour(world)
    (report,) = world.job().run(window, "iris", PRODUCTION).reports
    assert stored(world, window) == [report]
    folder = "drift-reports/use_case=iris/environment=production/date=2026-01-05/hour=12"
    data = world.store.read(f"{folder}/{report.report_id}.parquet")
    table = pq.read_table(io.BytesIO(data), partitioning=None)
    assert table["column"].to_pylist() == [c.column for c in report.columns]
    assert table["psi"].to_pylist() == [c.psi for c in report.columns]
    assert set(table["release_id"].to_pylist()) == {release}
    assert set(table["report_verdict"].to_pylist()) == {"ok"}


def test_measuring_a_window_twice_writes_the_same_files(world, records_of):
    case = use_case("iris")
    world.log(world.release(), records_of(case, 300, 1, drift=1.0))
    first = world.job().run(last_hour(world))
    before = files(world)
    assert world.job().run(last_hour(world)) == first
    assert files(world) == before


def test_by_default_targets_with_a_release_or_traffic_are_measured(world, records_of):
    case = use_case("iris")
    release = world.release()
    world.serve(release, "staging")
    world.log(release, records_of(case, 10, 1))
    outcome = world.job().run(last_hour(world))
    found = [(r.use_case, r.environment.value, r.rows) for r in outcome.reports]
    assert found == [("iris", "staging", 0), ("iris", "production", 10)]


def test_without_releases_and_traffic_nothing_is_written(world):
    outcome = world.job().run(last_hour(world))
    assert (outcome.reports, outcome.failures) == ((), ())
    assert files(world) == {}


def test_an_unknown_use_case_is_refused(world):
    with pytest.raises(UnknownUseCase, match="installed are iris, spam"):
        world.job().run(last_hour(world), "weather")


def test_a_late_segment_revises_the_report(world, records_of):
    case = use_case("iris")
    release = world.release()
    world.log(release, records_of(case, 300, 1))
    window = last_hour(world)
    (before,) = world.job().run(window).reports
    world.log(release, records_of(case, 300, 2, drift=1.0))
    (after,) = world.job().run(window).reports
    assert before.report_id == after.report_id
    assert (before.verdict, after.verdict) == (DriftVerdict.OK, DriftVerdict.DRIFT)
    assert stored(world, window) == [after]


def test_late_segments_are_found(world, records_of):
    case = use_case("iris")
    release = world.release()
    world.serve(release)
    window = last_hour(world)
    (silent,) = world.job().run(window).reports
    world.clock.advance(5 * HOUR)
    assert world.job().revise().reports == ()
    late = world.log(release, records_of(case, 300, 2, drift=1.0))
    (revised,) = world.job().revise().reports
    assert (silent.verdict, revised.verdict) == (DriftVerdict.INSUFFICIENT_DATA, DriftVerdict.DRIFT)
    assert (revised.start, revised.end) == (window.start, window.end)
    assert world.job().revise().reports == ()
    world.store.delete(late)
    world.clock.advance(24 * HOUR)
    assert world.job().revise().reports == (), "too old to be revised"


def test_late_records_replace_a_report_of_no_traffic(world, records_of):
    release = world.release()
    window = last_hour(world)
    job = world.job()
    assert job.run(window, "iris", PRODUCTION).reports[0].release_id is None
    world.log(release, records_of(use_case("iris"), 300, 1))
    (report,) = job.run(window, "iris", PRODUCTION).reports
    assert stored(world, window) == [report]
    assert report.release_id == release


@pytest.mark.parametrize("harm", ["missing", "altered", "truncated"])
def test_an_unusable_baseline_is_a_failure_that_names_it(world, records_of, harm):
    release = world.release()
    world.log(release, records_of(use_case("iris"), 300, 1))
    path = baseline_path("iris", release)
    data = world.store.read(path)
    harms = {"altered": data[:200] + bytes([data[200] ^ 1]) + data[201:], "truncated": data[:100]}
    world.store.delete(path) if harm == "missing" else world.store.write(path, harms[harm])
    outcome = world.job().run(last_hour(world))
    (report,), (failure,) = outcome.reports, outcome.failures
    assert report.verdict is DriftVerdict.INSUFFICIENT_DATA
    assert (report.rows, report.score, report.columns, report.alarms) == (300, None, (), ())
    assert path in report.detail
    assert path in failure


def test_a_baseline_of_another_format_is_a_failure(world, records_of, make_release):
    data = b"not a baseline"
    release = world.release()
    other = make_release(world.store, "iris", 0, data)
    assert other.manifest.baseline_sha256 == sha256_bytes(data)
    world.scorers[other.id] = world.scorers[release]
    world.log(other.id, records_of(use_case("iris"), 300, 1))
    outcome = world.job().run(last_hour(world))
    assert "not a readable Parquet file" in outcome.reports[0].detail
    assert len(outcome.failures) == 1


def test_an_unreadable_log_is_a_failure_not_no_drift(world, records_of):
    release = world.release()
    path = world.log(release, records_of(use_case("iris"), 300, 1))
    window = last_hour(world)
    good = world.store.read(path)
    assert world.job().run(window).reports[0].verdict is DriftVerdict.OK
    world.store.write(path, b"not parquet")
    outcome = world.job().run(window)
    assert path in outcome.failures[0]
    (report,) = outcome.reports
    assert report.verdict is DriftVerdict.INSUFFICIENT_DATA
    assert path in report.detail
    # Once the log is readable again, the report is revised.
    world.store.write(path, good)
    world.clock.advance(HOUR)
    (revised,) = world.job().revise().reports
    assert revised.verdict is DriftVerdict.OK
    assert stored(world, window) == [revised]


def test_a_failure_in_one_environment_does_not_affect_the_others(world, records_of):
    case = use_case("iris")
    release = world.release()
    world.log(release, records_of(case, 300, 1))
    broken = world.log(release, records_of(case, 300, 1), environment="staging")
    world.store.write(broken, b"not parquet")
    outcome = world.job().run(last_hour(world))
    assert len(outcome.failures) == 1
    assert {r.environment.value: r.verdict.value for r in outcome.reports} == {
        "staging": "insufficient-data",
        "production": "ok",
    }


def test_a_broken_ledger_does_not_hide_drift(world, records_of):
    release = world.release()
    world.serve(release)
    world.log(release, records_of(use_case("iris"), 300, 1, drift=1.0))
    (entry,) = world.store.list("models/iris/_ledger/production")
    world.store.write(entry.path, world.store.read(entry.path).replace(b"test", b"rest"))
    (report,) = world.job().run(last_hour(world)).reports
    assert report.verdict is DriftVerdict.DRIFT
    world.clock.advance(timedelta(days=1))
    outcome = world.job().run(last_hour(world))
    assert "ledger" in outcome.failures[0]
    assert outcome.reports[0].verdict is DriftVerdict.INSUFFICIENT_DATA


def test_a_failed_flush_is_a_warning_in_the_report(world, records_of):
    def flush() -> None:
        raise UpstreamUnavailable("the gateway is down")

    world.log(world.release(), records_of(use_case("iris"), 300, 1))
    outcome = world.job(flush=flush).run(last_hour(world))
    assert outcome.failures == ()
    assert outcome.reports[0].verdict is DriftVerdict.OK
    assert "the gateway is down" in outcome.reports[0].detail


def test_drift_in_production_requests_retraining_once(world, records_of):
    release = world.release()
    world.serve(release)
    world.log(release, records_of(use_case("iris"), 300, 1, drift=1.0))
    (first,) = world.job().run(last_hour(world)).reports
    world.clock.advance(timedelta(minutes=5))
    window = Window(first.start, first.end)
    (again,) = world.job().run(window).reports
    assert first.retrain_request == again.retrain_request is not None
    (blob,) = world.store.list("drift-reports/_retrain-requests")
    request = json.loads(world.store.read(blob.path))
    assert blob.path.endswith(f"{first.retrain_request}.json")
    assert request["release_id"] == release
    assert request["report_id"] == first.report_id
    assert request["created_at"].startswith("2026-01-05T12:00:00")
    assert "drift:petal_length" in request["reason"]


def test_no_request_without_drift_or_in_staging_or_against_the_policy(world, records_of):
    case = use_case("iris")
    release, other = world.release(seed=0), world.release(seed=1)
    world.log(release, records_of(case, 300, 1, drift=1.0), environment="staging")
    world.log(release, records_of(case, 300, 2))
    window = last_hour(world)
    assert [r.retrain_request for r in world.job().run(window).reports] == [None, None]
    world.log(release, records_of(case, 900, 3, drift=1.0))
    world.policies["iris"] = Policy(retraining=RetrainingPolicy(mode=Mode.MANUAL))
    assert world.job().run(window).reports[1].retrain_request is None
    del world.policies["iris"]
    world.serve(other)
    report = world.job().run(window).reports[1]
    assert report.verdict is DriftVerdict.DRIFT
    assert report.retrain_request is None, "production serves another release"
    assert list(world.store.list("drift-reports/_retrain-requests")) == []


def test_a_suggested_retraining_names_its_evidence_and_waits_for_approval(world, records_of):
    suggest = RetrainingPolicy(mode=Mode.SUGGEST, approvers=2)
    world.policies["iris"] = Policy(retraining=suggest)
    world.log(world.release(), records_of(use_case("iris"), 300, 1, drift=1.0))
    (report,) = world.job().run(last_hour(world)).reports
    (request,) = RetrainRequests(world.store).all()
    assert request.request_id == report.retrain_request
    assert (request.approvals, request.window_end) == (2, report.end)
    assert report.report_id in request.evidence
    assert not RetrainRequests(world.store).may_run(request)


def test_a_later_window_of_the_day_is_held_back_by_the_cool_down(world, records_of):
    release = world.release()
    requested = []
    for hour in range(3):
        records = records_of(use_case("iris"), 300, hour, drift=1.0)
        world.log(release, records, at=world.clock.now() - HOUR / 2)
        (report,) = world.job().run(last_hour(world)).reports
        requested.append(report.retrain_request)
        world.clock.advance((1 + 23 * hour) * HOUR)
    first, held_back, last = requested
    assert first == held_back != last
    made = {one.request_id for one in RetrainRequests(world.store).all()}
    assert made == {first, last}


def test_an_older_window_requests_nothing_after_a_later_one(world, records_of):
    """Measuring windows of last week again gives no reason to act today."""
    release = world.release()
    noon = world.clock.now()
    for hours in (30, 0):
        at = noon - hours * HOUR - HOUR / 2
        world.log(release, records_of(use_case("iris"), 300, hours, drift=1.0), at=at)
    later, earlier = (
        world.job().run(Window(end - HOUR, end), "iris", Environment.PRODUCTION).reports[0]
        for end in (noon, noon - 30 * HOUR)
    )
    assert later.retrain_request
    assert (earlier.verdict, earlier.retrain_request) == (DriftVerdict.DRIFT, None)


def test_an_invalid_policy_requests_nothing_and_the_report_is_written(world, records_of, caplog):
    def invalid(use_case: str) -> Policy:
        raise ConfigurationError("the policy iris.toml is invalid: retraining.mode")

    world.log(world.release(), records_of(use_case("iris"), 300, 1, drift=1.0))
    retraining = replace(world.job().retraining, policy_of=invalid)
    (report,) = world.job(retraining=retraining).run(last_hour(world)).reports
    assert (report.verdict, report.retrain_request) == (DriftVerdict.DRIFT, None)
    assert "iris.toml is invalid" in caplog.text


def test_a_report_with_alarms_is_one_log_line(world, records_of, caplog):
    world.log(world.release(), records_of(use_case("iris"), 300, 1, drift=1.0))
    with caplog.at_level(logging.WARNING, logger="drift_detector"):
        (report,) = world.job().run(last_hour(world)).reports
    (fields,) = [r.fields for r in caplog.records if r.message == "drift alarm"]
    assert tuple(fields["alarms"]) == report.alarms
    assert fields["retrain_request"] == report.retrain_request is not None


def test_records_at_the_ends_of_a_window_belong_to_one_window(world, records_of):
    case = use_case("iris")
    release = world.release()
    noon = world.clock.now()
    world.log(release, records_of(case, 1, 1), at=noon - HOUR)
    world.log(release, records_of(case, 2, 1), at=noon - timedelta(microseconds=1))
    world.log(release, records_of(case, 4, 1), at=noon)
    job = world.job()
    rows = [
        job.run(Window(noon + offset - HOUR, noon + offset), "iris", PRODUCTION).reports[0].rows
        for offset in (-HOUR, timedelta(), HOUR)
    ]
    assert rows == [0, 3, 4]


def test_a_window_may_span_hours_days_and_the_change_to_summer_time(world, records_of):
    case = use_case("iris")
    release = world.release()
    # In Europe's time zones the clock jumps at 2026-03-29T01:00Z; UTC does not.
    first = parse_time("2026-03-29T00:30:00+01:00")
    last = parse_time("2026-03-29T03:30:00+02:00")
    assert last - first == 2 * HOUR
    for minutes in (0, 45, 119):
        world.log(release, records_of(case, 1, 1), at=first + timedelta(minutes=minutes))
    (report,) = world.job().run(Window(first, last), "iris", PRODUCTION).reports
    assert report.rows == 3
    assert report.start == datetime(2026, 3, 28, 23, 30, tzinfo=UTC)


def test_times_without_an_offset_are_utc():
    noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert parse_time("2026-01-05T12:00") == noon
    assert parse_time("2026-01-05T12:00:00Z") == noon
    assert parse_time("2026-01-05T14:00+02:00") == noon
    with pytest.raises(InvalidInput, match="is not a time"):
        parse_time("noon")


def test_the_default_window_is_the_last_hour():
    now = datetime(2026, 1, 5, 12, 17, tzinfo=UTC)
    assert window_between(None, None, now, HOUR) == Window(now - HOUR, now)
    early = now - 5 * HOUR
    assert window_between(None, early, now, HOUR) == Window(early - HOUR, early)
    assert window_between(early, None, now, HOUR) == Window(early, now)
    for start in (now, now + HOUR):
        with pytest.raises(InvalidInput, match="FROM must be before TO"):
            window_between(start, now, now, HOUR)


def test_ticks_are_aligned_to_the_hour_in_utc():
    at = datetime(2026, 1, 5, 11, 59, 59, tzinfo=UTC)
    assert next_tick(at, HOUR) == datetime(2026, 1, 5, 12, tzinfo=UTC)
    assert next_tick(next_tick(at, HOUR), HOUR) == datetime(2026, 1, 5, 13, tzinfo=UTC)
    assert next_tick(at, timedelta(minutes=15)) == datetime(2026, 1, 5, 12, tzinfo=UTC)
    elsewhere = at.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert next_tick(elsewhere, HOUR) == datetime(2026, 1, 5, 12, tzinfo=UTC)
