"""Labelled mail out of nothing: for tests, demonstrations and a first model without data."""

import re
from datetime import UTC, datetime, timedelta
from random import Random

import pyarrow as pa

from use_cases.spam.training.vocabulary import (
    AMBIGUOUS,
    FREE_MAIL,
    HAM,
    HAM_DOMAINS,
    NEW_DOMAINS,
    NEW_HAM,
    NEW_SPAM,
    SHARED,
    SLOTS,
    SPAM,
    SPAM_DOMAINS,
    Topic,
)

SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in ("email_id", "subject", "body", "sender")),
        pa.field("label", pa.string()),
        pa.field("date", pa.timestamp("us", tz="UTC")),
    ]
)
END = datetime(2026, 1, 5, tzinfo=UTC)
DAYS = 120
SPAM_SHARE = 0.35
SPAM_SHARE_DRIFTED = 0.6
MISLABELLED = 0.012
AMBIGUOUS_SHARE = 0.03
SHARED_SENTENCES = 0.25
_SLOT = re.compile(r"\{(\w+)\}")


def generate(rows: int, seed: int, drift: float = 0.0) -> pa.Table:
    """Return `rows` mails in order of time; the same arguments give the same table.

    Args:
        rows: how many.
        seed: of the random numbers.
        drift: 0 to 1: the share of mails on topics and from senders that are new; markup,
            links, capitals and the share of spam grow with it.

    Returns:
        `email_id` (unique), `subject`, `body`, `sender`, `label` (`spam` or `ham`) and `date`,
        spread over 120 days before a fixed day.
    """
    random = Random(f"{seed}/{float(drift)}")  # noqa: S311 (not for secrets)
    share = SPAM_SHARE + drift * (SPAM_SHARE_DRIFTED - SPAM_SHARE)
    dates = sorted(END - timedelta(seconds=random.randrange(DAYS * 86_400)) for _ in range(rows))
    mails = [_mail(random, random.random() < share, drift) for _ in range(rows)]
    prefix = f"generated-{seed}-{round(drift * 100)}"
    for index, (mail, date) in enumerate(zip(mails, dates, strict=True)):
        mail |= {"email_id": f"{prefix}-{index:06d}", "date": date}
    return pa.Table.from_pylist(mails, schema=SCHEMA)


def _mail(random: Random, spam: bool, drift: float) -> dict[str, object]:
    drifted = random.random() < drift
    if random.random() < AMBIGUOUS_SHARE:
        subject, body = (_fill(random, text, drift) for text in random.choice(AMBIGUOUS))
    else:
        subject, body = _content(random, spam, drifted, drift)
    labelled_spam = spam != (random.random() < MISLABELLED)
    return {
        "subject": subject,
        "body": body,
        "sender": _sender(random, spam, drifted),
        "label": "spam" if labelled_spam else "ham",
    }


def _content(random: Random, spam: bool, drifted: bool, drift: float) -> tuple[str, str]:
    topics = (NEW_SPAM if spam else NEW_HAM) if drifted else (SPAM if spam else HAM)
    topic = random.choice(topics)
    paragraphs = [_paragraph(random, topic, drift) for _ in range(random.randint(1, 4))]
    if random.random() < topic.links:
        paragraphs.append(_fill(random, "{link}", drift))
    subject = _fill(random, random.choice(topic.subjects), drift)
    if random.random() < (0.15 if spam else 0.02) + 0.4 * drift:
        subject = subject.upper()
    if random.random() < topic.markup + drift * (1 - topic.markup):
        return subject, _markup(random, paragraphs)
    return subject, _plain(random, paragraphs)


def _paragraph(random: Random, topic: Topic, drift: float) -> str:
    templates: dict[str, None] = {}  # each at most once, in order
    for _ in range(random.randint(1, 4)):
        pool = SHARED if random.random() < SHARED_SENTENCES else topic.sentences
        templates[random.choice(pool)] = None
    return " ".join(_fill(random, template, drift) for template in templates)


def _plain(random: Random, paragraphs: list[str]) -> str:
    greeting = random.choice(("Hi", "Hello", "Dear", "Good morning"))
    name, sign = random.choice(SLOTS["name"]), random.choice(SLOTS["name"])
    return "\n\n".join([f"{greeting} {name},", *paragraphs, f"Regards,\n{sign}"])


def _markup(random: Random, paragraphs: list[str]) -> str:
    colour = random.choice(("#333", "#005a9c", "red", "green"))
    blocks = "".join(f'<p style="color:{colour}">{text}</p>\n' for text in paragraphs)
    return f"<html><body>\n<h2>{random.choice(SLOTS['shop'])}</h2>\n{blocks}</body></html>"


def _fill(random: Random, template: str, drift: float) -> str:
    return _SLOT.sub(lambda match: _value(random, match.group(1), drift), template)


def _value(random: Random, slot: str, drift: float) -> str:
    if slot == "number":
        return str(random.randint(2, 99_999))
    if slot == "amount":
        return f"{random.choice('$€£')}{random.randint(5, 5_000):,}"
    if slot == "link":
        domains = NEW_DOMAINS if random.random() < drift else (*HAM_DOMAINS, *SPAM_DOMAINS)
        return f"https://www.{random.choice(domains)}/{random.getrandbits(24):x}"
    return random.choice(SLOTS[slot])


def _sender(random: Random, spam: bool, drifted: bool) -> str:
    name, surname = random.choice(SLOTS["name"]), random.choice(SLOTS["surname"])
    kind = random.random()
    if kind < 0.02:  # noqa: PLR2004 (some mail has no sender)
        return ""
    if kind < 0.2:  # noqa: PLR2004 (anybody may have a free mailbox)
        domain = random.choice(FREE_MAIL)
    elif drifted:
        domain = random.choice(NEW_DOMAINS)
    else:
        domain = random.choice(SPAM_DOMAINS if spam else HAM_DOMAINS)
    address = f"{name}.{surname}@{domain}".lower()
    return f'"{name} {surname}" <{address}>' if random.random() < 0.5 else address  # noqa: PLR2004
