"""The chart of a measurement: whose bars are how long, and that it is a picture."""

from itertools import pairwise
from xml.etree import ElementTree

from messaging.local.bench.chart import WIDTH, Bar, chart, svg
from messaging.local.bench.figures import Figure

SENDING = Figure(
    part="sending",
    name="messages a second",
    unit="/s",
    ours=[900, 1000, 1100],
    others={"plain Celery": [250], "<another>": [2000]},
)
LATENCY = Figure(
    part="latency",
    name="to the request, p50",
    unit="ms",
    ours=[0.0],
    others={"plain Celery": [0.0]},
    is_more_better=False,
)
ALONE = Figure(part="idle", name="transactions", unit="/s", ours=[5.9])


def bars(figure: Figure) -> list[Bar]:
    """Those of its panel."""
    (panel,) = chart([figure]).panels
    return list(panel.bars)


def test_bars_are_as_long_as_their_medians_and_the_longest_fits() -> None:
    ours, slow, quick = bars(SENDING)
    assert quick.width / 2 == ours.width == slow.width * 4
    assert chart([SENDING]).left + quick.width < WIDTH
    assert ["1,000/s", "250/s", "2,000/s"] == [bar.value for bar in (ours, slow, quick)]


def test_our_bar_is_the_first_and_the_only_one_of_its_colour() -> None:
    assert [("messaging", True), ("plain Celery", False), ("<another>", False)] == [
        (bar.name, bar.is_ours) for bar in bars(SENDING)
    ]
    assert 1 == svg([SENDING], "").count('class="ours bar"')


def test_only_figures_with_others_are_drawn_in_the_order_of_the_table() -> None:
    panels = chart([ALONE, LATENCY, SENDING]).panels
    assert [
        ("sending: messages a second", "more is better"),
        ("latency: to the request, p50", "less is better"),
    ] == [(panel.title, panel.better) for panel in panels]


def test_panels_and_bars_do_not_touch_each_other() -> None:
    drawn = chart([SENDING, LATENCY])
    places = [bar.y for panel in drawn.panels for bar in panel.bars]
    assert all(below - above > drawn.thick for above, below in pairwise(places))
    assert places[-1] + drawn.thick < drawn.height


def test_figures_that_are_nothing_have_no_length() -> None:
    assert [0.0, 0.0] == [bar.width for bar in bars(LATENCY)]


def test_it_is_a_picture_for_light_and_dark_with_a_note() -> None:
    text = svg([SENDING], "Medians & more.")
    found = [element.text for element in ElementTree.fromstring(text).iter() if element.text]
    assert {"<another>", "2,000/s", "Medians & more."} <= set(found)
    assert "prefers-color-scheme: dark" in text
