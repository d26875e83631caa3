"""Markup, numbers, axes and charts: nothing untrusted gets through, and every mark stands where its value says."""

from __future__ import annotations

import json
import math
import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refsr.core.progress import duration
from refsr.evaluation.results import summarise
from refsr.report import numbers
from refsr.report.axis import ChartAxis, spanning, wants_logarithm
from refsr.report.beeswarm import HALF, BeeswarmRow, ImageLinks, beeswarm, packed
from refsr.report.chart import (
    BOTTOM,
    LEFT,
    MOST_POINTS,
    RIGHT,
    TOP,
    ChartStyle,
    Line,
    line_chart,
    running_mean,
    thinned,
)
from refsr.report.html import data, join, raw, tag
from refsr.report.numbers import Metric

PSNR = Metric.of("psnr", {"unit": "dB", "better": "higher"})


@given(st.text())
def test_text_and_attributes_never_become_markup(text: str) -> None:
    made = tag("p", text, title=text)
    inside = re.fullmatch(r'<p title="([^"]*)">([^<]*)</p>', made, re.DOTALL)
    assert inside is not None
    assert "<" not in inside[1]
    assert "<" not in inside[2]


def test_markup_made_here_stays_and_absent_things_vanish() -> None:
    assert tag("p", tag("b", "a&b"), None, ["c", raw("<i>")], hidden=True, title=None, class_="x") == (
        '<p hidden class="x"><b>a&amp;b</b>c<i></p>'
    )
    assert join(["<", 1, None]) == "&lt;1"
    assert tag("br") == "<br>"


def test_data_is_json_without_numbers_that_json_lacks() -> None:
    assert data({"a": [1.5, math.nan, math.inf], 2: "é"}) == '{"a":[1.5,null,null],"2":"é"}'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (PSNR.show(31.4159), "31.42"),
        (PSNR.show_difference(1.0), "+1.00"),
        (PSNR.show_difference(-0.504), "−0.50"),
        (PSNR.show_difference(-0.001), "0.00"),
        (PSNR.show_difference(0.001), "0.00"),
        (PSNR.with_unit(math.inf), "∞ dB"),
        (PSNR.show(math.nan), "n/a"),
        (Metric.of("ssim", {"unit": ""}).show(0.87654), "0.8765"),
        (numbers.compact(2000.0), "2000"),
        (numbers.compact(123456.0), "123\N{THIN SPACE}456"),
        (numbers.compact(1.5e-7), "1.5e−7"),
        (duration(11520), "3 h 12 min"),
        (duration(41), "41 s"),
        (duration(89), "1 min"),
        (duration(91), "2 min"),
        (duration(7199), "2 h 0 min"),
        (numbers.count(1, "image"), "1 image"),
    ],
)
def test_numbers_read_well(text: str, says: str) -> None:
    assert text == says


def test_a_measure_knows_which_way_is_better() -> None:
    assert PSNR.improves(0.1)
    assert Metric.of("fid", {"better": "lower"}).improves(-1)
    assert Metric.of("fid", {"better": "lower"}).digits == 4


@given(
    st.lists(st.floats(-1e6, 1e6, allow_subnormal=False), min_size=1, max_size=20),
    st.booleans(),
)
def test_axes_hold_their_values_and_ticks_lie_on_them(values: list[float], falls: bool) -> None:
    axis = spanning(values, *((200.0, 10.0) if falls else (10.0, 200.0)))
    for value in (*values, *axis.ticks()):
        assert 10 - 1e-6 <= axis.place(value) <= 200 + 1e-6
    assert 1 <= len(axis.ticks()) <= 12


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([8], [8]),
        ([0], [0]),
        ([1, 2], [1, 2]),
        ([1, 4], [1, 2, 3, 4]),
        ([0, 10], [0, 5, 10]),
        ([100, 900], [200, 400, 600, 800]),
    ],
)
def test_ticks_of_steps_are_whole_numbers(steps: list[float], expected: list[float]) -> None:
    """A run of one logged step once had ticks such as 7.6."""
    assert spanning(steps, 0, 400, padding=0.0, whole=True).ticks(4) == expected
    figure = drawn(line_chart("Loss", "", [Line("a", [(step, 0.5) for step in steps])], ChartStyle()))
    across = [text.text for text in figure.iter("text") if text.get("text-anchor") == "middle"]
    assert across == [str(step) for step in expected]


def test_logarithmic_axes_are_even_in_decades() -> None:
    axis = ChartAxis(1e-4, 1.0, 0, 400, logarithmic=True)
    assert [axis.place(10.0**power) for power in (-4, -3, -2, -1, 0)] == pytest.approx([0, 100, 200, 300, 400])
    assert axis.ticks()[0] == pytest.approx(1e-4)
    assert wants_logarithm([1, 0.1, 0.05, 0.05, 0.04], 8)
    assert not wants_logarithm([1, 0.9, 0.8], 8)
    assert not wants_logarithm([1, 0, 0, 0], 8), "zero has no logarithm"


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (1e-4, 1, [1e-4, 1e-3, 1e-2, 1e-1, 1]),
        (1e-8, 1, [1e-8, 1e-6, 1e-4, 1e-2, 1]),
        (1, 100, [1, 2, 5, 10, 20, 50, 100]),
        (1e-3, 1, [1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1]),
    ],
)
def test_logarithmic_ticks_are_powers_of_ten_on_a_long_axis(low: float, high: float, expected: list[float]) -> None:
    """Of up to three decades 2 and 5 times the powers are ticks, too."""
    assert ChartAxis(low, high, 0, 400, logarithmic=True).ticks() == pytest.approx(expected)


def test_long_series_are_thinned_without_losing_peaks() -> None:
    points = [(float(step), 1.0) for step in range(10_000)]
    points[5000] = (5000.0, 9.0)
    steps, means, lows, highs = thinned(points)
    assert len(steps) == MOST_POINTS
    assert max(highs) == 9.0
    assert min(lows) == 1.0
    assert sum(means) / len(means) == pytest.approx(1.0008, abs=1e-4)


def test_the_running_mean_keeps_length_and_level() -> None:
    assert running_mean([2.0] * 90) == [2.0] * 90
    wave = [(-1.0) ** place for place in range(300)]
    assert max(map(abs, running_mean(wave)[20:-20])) < 0.1
    assert running_mean([1.0, 5.0]) == [1.0, 5.0]


def drawn(markup: str | None) -> ElementTree.Element:
    """A chart as a tree; it must be well formed."""
    assert markup is not None
    return ElementTree.fromstring(re.sub(r" (hidden|selected)(?=[ >])", r' \1=""', markup))


def test_line_charts_put_points_where_their_values_are() -> None:
    lines = [Line("a<b", [(0, 1.0), (10, 3.0), (5, 2.0)]), Line("b", [(0, 1.0), (5, 1.0)], series=1)]
    figure = drawn(line_chart("Loss", "about", lines, ChartStyle()))
    svg = figure.find("div/svg")
    assert svg is not None
    readings = json.loads(svg.attrib["data-lines"])
    assert [one["name"] for one in readings] == ["a<b", "b"]
    (first, middle, last) = readings[0]["points"]
    assert [point[:2] for point in readings[0]["points"]] == [[0, 1], [5, 2], [10, 3]]
    assert (first[2], last[2]) == (LEFT, RIGHT)
    assert TOP <= last[3] < middle[3] < first[3] <= BOTTOM
    assert middle[3] == pytest.approx((first[3] + last[3]) / 2, abs=0.11)
    assert {one.text for one in svg.iter("text")} >= {"iteration", "1", "2", "3"}
    assert len(list(figure.iter("li"))) == 2


def test_charts_of_nothing_are_not_drawn_and_of_one_point_are() -> None:
    assert line_chart("Loss", "", [Line("a", [])], ChartStyle()) is None
    alone = line_chart("Loss", "", [Line("a", [(1, 0.5)])], ChartStyle(smooth=True, log_from=8))
    drawn(alone)
    # A path of one point shows nothing.
    assert "<circle" in str(alone)
    drawn(line_chart("Loss", "", [Line("a", [(1, 0.0), (2, 0.0)])], ChartStyle(smooth=True, log_from=8)))


@given(st.lists(st.floats(0, 300), max_size=80), st.floats(2, 8))
def test_dots_do_not_overlap_while_there_is_room(places: list[float], apart: float) -> None:
    places = sorted(places)
    offsets = packed(places, apart, HALF)
    assert len(offsets) == len(places)
    assert all(abs(offset) <= HALF for offset in offsets)
    spread = packed(places, apart, 1e9)
    spots = list(zip(places, spread, strict=True))
    for index, (x, y) in enumerate(spots):
        assert all(math.hypot(x - a, y - b) >= apart * 0.999 for a, b in spots[:index])


def test_every_image_is_a_dot_with_a_link() -> None:
    values = {f"i{number}": 20.0 + number for number in range(7)}
    links = ImageLinks({image: f"image-0-{image}" for image in values}, frozenset({"i3"}))
    summary = summarise("a", "p", "psnr", list(values.values()))
    figure = drawn(beeswarm("PSNR", "about", [BeeswarmRow("a", values, summary, 0)], PSNR, links))
    dots = list(figure.iter("a"))
    assert {dot.attrib["href"] for dot in dots} == {f"#image-0-i{number}" for number in range(7)}
    centres = {dot.attrib["data-image"]: float(dot[0].attrib["cx"]) for dot in dots}
    assert sorted(centres, key=centres.__getitem__) == [f"i{number}" for number in range(7)]
    assert [dot.attrib["data-image"] for dot in dots if "tabindex" not in dot.attrib] == ["i3"]
    assert beeswarm("PSNR", "about", [], PSNR, links) is None
