"""Charts: scales, gaps, intervals, estimates, marks, strips and bars, from values."""

from datetime import UTC, datetime, timedelta

import pytest

from console.charts import (
    Limit,
    Mark,
    Reading,
    share_bars,
    strip,
    time_plot,
    time_scale,
    value_scale,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def reading(hour: int, value: float | None, **more: object) -> Reading:
    return Reading(NOON + hour * HOUR, NOON + (hour + 1) * HOUR, value, **more)


def plot(*readings: Reading, **more: object):
    return time_plot(readings, time_scale(NOON, NOON + 10 * HOUR), **more)


@pytest.mark.parametrize(
    ("values", "ends", "labels"),
    [
        ([0.93, 0.97], (0.93, 0.97), ["0.93", "0.94", "0.95", "0.96", "0.97"]),
        ([0, 1], (0, 1), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (
            [-0.02, 0.03],
            (-0.02, 0.03),
            ["\u22120.02", "\u22120.01", "0.00", "0.01", "0.02", "0.03"],
        ),
        ([3, 3], (2.8, 3.2), ["2.8", "2.9", "3.0", "3.1", "3.2"]),
        ([1200, 4100], (1000, 5000), ["1000", "2000", "3000", "4000", "5000"]),
    ],
)
def test_a_scale_has_round_ticks_that_hold_all_values(values, ends, labels):
    scale = value_scale(values)
    assert (scale.low, scale.high) == pytest.approx(ends)
    assert [tick.text for tick in scale.ticks] == labels
    assert scale.at(scale.high) == 0
    assert scale.at(scale.low) == 100


def test_a_scale_without_values_and_one_that_is_bounded():
    assert value_scale([]).at(0.5) == 50
    scale = value_scale([0.99, 1.0], 0, 1)
    assert scale.high == pytest.approx(1)
    assert value_scale([1.0, 1.0], 0, 1).high == pytest.approx(1)


def test_times_have_round_ticks_and_name_the_day_where_it_changes():
    ticks = time_scale(NOON, NOON + 20 * HOUR).ticks
    assert [(tick.text, tick.more) for tick in ticks] == [
        ("12:00", "5 Jan"),
        ("18:00", ""),
        ("00:00", "6 Jan"),
        ("06:00", ""),
    ]
    assert [tick.at for tick in ticks] == [0, 30, 60, 90]


def test_a_time_scale_without_a_round_time_names_its_start():
    start = NOON + timedelta(seconds=5)
    (tick,) = time_scale(start, start + timedelta(seconds=20), timedelta(seconds=20)).ticks
    assert (tick.at, tick.text, tick.more) == (0, "12:00:05", "5 Jan")


def test_a_short_time_scale_is_stretched():
    scale = time_scale(NOON, NOON + HOUR, 10 * HOUR)
    assert scale.at(NOON) == 90


def test_a_line_has_a_gap_where_a_value_is_unknown_or_a_window_is_missing():
    found = plot(
        reading(0, 0.5),
        reading(1, 0.6),
        reading(2, None, text="not enough"),
        reading(3, 0.5),
        reading(4, 0.5),
        reading(7, 0.5),
    )
    assert len(found.lines) == 2
    assert [line.path.count("L") for line in found.lines] == [1, 1]
    assert [(gap.x, gap.width, gap.text) for gap in found.gaps] == [(20, 10, "not enough")]
    assert [dot.alone for dot in found.dots] == [False, False, False, False, True]


def test_another_release_begins_another_line():
    assert len(plot(reading(0, 0.5, group="a"), reading(1, 0.6, group="b")).lines) == 0


def test_an_estimate_is_drawn_differently():
    found = plot(reading(0, 0.5), reading(1, 0.6), reading(2, 0.6, estimated=True))
    assert [line.estimated for line in found.lines] == [False, True]
    assert [dot.estimated for dot in found.dots] == [False, False, True]


def test_a_band_needs_two_intervals():
    alone = plot(reading(0, 0.5, low=0.4, high=0.6))
    assert alone.bands == []
    assert alone.dots[0].high < alone.dots[0].y < alone.dots[0].low
    band = plot(*(reading(hour, 0.5, low=0.4, high=0.6) for hour in (0, 1))).bands
    assert band == ["M5 0L15 0L15 100L5 100z"]


def test_limits_and_intervals_are_inside():
    found = plot(reading(0, 1.0), limits=[Limit(0.8, "gate")])
    assert all(0 <= tick.at <= 100 for tick in found.y_ticks)
    assert (found.limits[0].text, found.limits[0].y, found.limits[0].over) == ("gate", 100, True)
    assert found.dots[0].y < found.limits[0].y


def test_marks_outside_are_left_out_and_close_ones_are_in_rows():
    times = [-HOUR, HOUR, HOUR + timedelta(minutes=5), 5 * HOUR]
    marks = [Mark(NOON + after, "info", "x") for after in times]
    found = plot(reading(0, 0.5), marks=marks).marks
    assert [(one.number, one.x, one.row) for one in found] == [
        (1, 10, 0),
        (2, 10.83, 1),
        (3, 50, 0),
    ]


def test_a_strip_joins_equal_neighbours_and_leaves_gaps_open():
    states = [
        (NOON + hour * HOUR, NOON + (hour + 1) * HOUR, state)
        for hour, state in ((0, "ok"), (1, "ok"), (3, "ok"), (4, "drift"))
    ]
    cells = strip(states, time_scale(NOON, NOON + 10 * HOUR)).cells
    assert [(one.x, one.width, one.state) for one in cells] == [
        (0, 20, "ok"),
        (30, 10, "ok"),
        (40, 10, "drift"),
    ]
    assert cells[0].text.endswith("ok, 2 windows")


def test_bars_are_shares_of_each_side_and_skip_empty_bins():
    bars = share_bars(["a", "b", "c"], [3, 1, 0], [10, 30, 0])
    assert [(one.name, one.baseline, one.share) for one in bars] == [
        ("a", 0.75, 0.25),
        ("b", 0.25, 0.75),
    ]
    assert (bars[0].baseline_length, bars[0].length) == (100, 33.33)
    assert share_bars([], [], []) == []
    assert share_bars(["a"], [0], [5])[0].baseline == 0
