"""What is known of a sender's domain, and when."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from use_cases.spam.domains import HISTORY_SCHEMA, domain_history, sender_domains

START = datetime(2026, 1, 5, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def history(*mails: tuple[str | None, datetime | None, str]) -> list[dict[str, object]]:
    senders, times, labels = zip(*mails, strict=True) if mails else ((), (), ())
    table = pa.table(
        {
            "sender": pa.array(senders, pa.string()),
            "event_timestamp": pa.array(times, pa.timestamp("us", tz="UTC")),
            "label": pa.array(labels, pa.string()),
        }
    )
    result = domain_history(table)
    assert result.schema == HISTORY_SCHEMA
    return result.to_pylist()


def smoothed(spam: int, mails: int) -> float:
    return pytest.approx((spam + 5) / (mails + 10))


@pytest.mark.parametrize(
    ("sender", "domain"),
    [
        ("a@B.Example", "b.example"),
        ("Ann <ann@b.example>", "b.example"),
        ('"x@y.example" <ann@b.example>', "b.example"),
        ("ann@b.example (at @ home)", "b.example"),
        (" <ann@b.example.> ", "b.example"),
        ("ann\n<ann@b.example>", "b.example"),
        ("jürgen@BÜCHER.example", "bücher.example"),
        ("***@b.example", "b.example"),
        ("", None),
        ("ann", None),
        ("ann@", None),
        ("ann@.", None),
        ("@" + "x" * 254, None),
        (None, None),
    ],
)
def test_the_domain_of_a_sender(sender, domain):
    assert sender_domains(pa.array([sender], pa.string())).to_pylist() == [domain]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(deadline=None)
def test_any_sender_has_a_sane_domain_or_none(sender):
    (domain,) = sender_domains(pa.array([sender])).to_pylist()
    assert domain is None or (domain and domain == domain.lower() and "@" not in domain)


def test_statistics_start_just_after_a_mail():
    (row,) = history(("a@x.example", START, "spam"))
    assert row == {
        "sender_domain": "x.example",
        "event_timestamp": START + MICROSECOND,
        "sender_domain_messages": pytest.approx(math.log1p(1)),
        "sender_domain_spam_rate": smoothed(1, 1),
    }


def test_a_window_of_thirty_days_is_looked_at():
    days = [timedelta(days=d) for d in (0, 10, 30, 31)]
    rows = history(*(("a@x.example", START + day, "spam") for day in days))
    counts = [round(math.expm1(row["sender_domain_messages"])) for row in rows]
    assert counts == [1, 2, 2, 3]  # on day 30 the first mail is 30 days old and has left


def test_emails_of_one_moment_make_one_row():
    mails = [("a@x.example", START, label) for label in ("spam", "ham", "ham")]
    (row,) = history(*mails)
    assert row["sender_domain_spam_rate"] == smoothed(1, 3)


def test_domains_do_not_mix():
    rows = history(("a@y.example", START, "ham"), ("a@x.example", START, "spam"))
    assert [row["sender_domain"] for row in rows] == ["x.example", "y.example"]
    assert [row["sender_domain_spam_rate"] for row in rows] == [smoothed(1, 1), smoothed(0, 1)]


def test_counts_are_capped():
    moments = [START + timedelta(seconds=s) for s in range(60)]
    last = history(*(("a@x.example", moment, "ham") for moment in moments))[-1]
    assert last["sender_domain_messages"] == pytest.approx(math.log1p(50))
    assert last["sender_domain_spam_rate"] == smoothed(0, 60)


def test_emails_without_domain_or_time_are_left_out():
    assert history(("", START, "spam"), (None, START, "ham"), ("a@x.example", None, "spam")) == []
    assert history() == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a@x.example", "B <b@y.example>", "", "c@z.example"]),
            st.integers(0, 80).map(lambda half_days: START + timedelta(hours=12 * half_days)),
            st.sampled_from(["spam", "ham"]),
        ),
        max_size=40,
    ),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_it_equals_counting_one_by_one_in_any_order(mails, random):
    rows = history(*mails)
    shuffled = list(mails)
    random.shuffle(shuffled)
    assert history(*shuffled) == rows
    domains = sender_domains(pa.array([m[0] for m in mails], pa.string())).to_pylist()
    seen = {(d, m[1] + MICROSECOND) for d, m in zip(domains, mails, strict=True) if d}
    assert [(r["sender_domain"], r["event_timestamp"]) for r in rows] == sorted(seen)
    for row in rows:
        now = row["event_timestamp"] - MICROSECOND
        window = [
            mail[2] == "spam"
            for domain, mail in zip(domains, mails, strict=True)
            if domain == row["sender_domain"] and now - timedelta(days=30) < mail[1] <= now
        ]
        assert row["sender_domain_spam_rate"] == smoothed(sum(window), len(window))
        assert row["sender_domain_messages"] == pytest.approx(np.log1p(len(window)))
