"""The figure of market regimes draws the codes it is given, each in its colour."""

from __future__ import annotations

import numpy as np

from cryptolab.data_fetchers import simulate
from cryptolab.figures import style
from cryptolab.figures.regimes import HEIGHTS, WAYS, Price, Strip, timeline

BARS = simulate(60)
CODES = np.array([-1, -1, 0, 0, 1, 2])
STRIPS = [
    Strip("trend <i>", CODES, ("falling", "sideways", "rising"), WAYS),
    Strip("volatility", CODES[::-1], ("calm", "usual", "wild <b>"), HEIGHTS),
]


def drawn(log: bool = False, mark: str = "") -> object:
    return timeline(Price(BARS.index, BARS.close), BARS.index[::10], STRIPS, log, mark, "USDT").figure


def colour_of(strip: object, code: float) -> str:
    """The colour at a code's place of the scale, as plotly reads it."""
    place = (code - strip.zmin) / (strip.zmax - strip.zmin)
    return [colour for share, colour in strip.colorscale if share <= place][-1]


def test_the_strips_hold_the_codes_and_their_words() -> None:
    strips = [trace for trace in drawn().data if trace.type == "heatmap"]
    assert [list(strip.z[0]) for strip in strips] == [list(CODES), list(CODES[::-1])]
    assert list(strips[0].customdata[0]) == ["unknown", "unknown", "falling", "falling", "sideways", "rising"]
    assert strips[1].customdata[0][0] == "wild &lt;b&gt;"
    assert len(strips[0].x) == len(CODES)
    for strip, colours in zip(strips, (WAYS, HEIGHTS), strict=True):
        assert [colour_of(strip, code) for code in (-1, 0, 1, 2)] == [style.PAPER, *colours]


def test_the_price_is_drawn_on_the_axis_asked_for() -> None:
    for log, kind in ((True, "log"), (False, "linear")):
        figure = drawn(log)
        assert figure.layout.yaxis.type == kind
        assert list(figure.data[0].y) == list(BARS.close)
    assert figure.layout.yaxis.title.text == "Price, USDT"


def test_each_label_has_its_colour_in_the_legend() -> None:
    keys = {trace.name: trace.marker.color for trace in drawn().data if trace.type == "scatter" and trace.x[0] is None}
    names = ("falling", "sideways", "rising", "calm", "usual", "wild &lt;b&gt;")
    assert keys == dict(zip(names, (*WAYS, *HEIGHTS), strict=True))


def test_it_wears_the_template_and_the_mark() -> None:
    figure = drawn(mark="SIMULATED")
    assert figure.layout.template == style.template()
    assert figure.layout.annotations[-1].text == "SIMULATED"
    assert "&lt;i&gt;" in figure.layout.yaxis2.title.text
    assert timeline(Price(BARS.index, BARS.close), BARS.index[::10], STRIPS, False).said.endswith("volatility.")
