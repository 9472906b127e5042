"""The one look of all figures: colours, type and margins. Figures are plotly's; they draw what they are given.

Colours are told apart by lightness too, so that the figures read in print and by colour-blind eyes.
"""

from __future__ import annotations

import html
from typing import Any

INK, MUTED, HAIRLINE, PAPER = "#1b2430", "#5c6775", "#e4e8ed", "#ffffff"
ACCENT, MARKET = "#1f5fbf", "#98a2b0"
"""The strategy, or whatever a figure is about; and what it is held against."""
GAIN, LOSS = "#12806a", "#c4472f"
CYCLE = (ACCENT, "#c07c12", GAIN, "#7a4fb0", LOSS, "#3a9cc4", MARKET)
"""Colours of further lines, in order."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', 'Liberation Sans', Arial, sans-serif"


def template() -> Any:
    """Return the plotly template that every figure of cryptolab wears."""
    import plotly.graph_objects as go

    axis = {
        "gridcolor": HAIRLINE, "linecolor": HAIRLINE, "zerolinecolor": "#c5ccd5", "zerolinewidth": 1,
        "ticks": "", "automargin": True, "title": {"font": {"size": 12, "color": MUTED}, "standoff": 8},
    }  # fmt: skip
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 12, "color": INK},
            "paper_bgcolor": PAPER,
            "plot_bgcolor": PAPER,
            "colorway": list(CYCLE),
            "margin": {"l": 8, "r": 8, "t": 40, "b": 8},
            "xaxis": {**axis, "showgrid": False},
            "yaxis": axis,
            "legend": {"orientation": "h", "x": 0, "y": 1.0, "xanchor": "left", "yanchor": "bottom"},
            "hoverlabel": {"bgcolor": PAPER, "bordercolor": HAIRLINE, "font": {"family": FONT, "color": INK}},
            "modebar": {"bgcolor": "rgba(0,0,0,0)", "color": MARKET, "activecolor": INK},
            "separators": ".,",
        },
        data={
            "candlestick": [
                {
                    "increasing": {"line": {"color": GAIN, "width": 1}, "fillcolor": GAIN},
                    "decreasing": {"line": {"color": LOSS, "width": 1}, "fillcolor": LOSS},
                    "whiskerwidth": 0,
                }
            ]
        },
    )


def text(value: object) -> str:
    """Return a name for use in a figure: plotly reads a few tags in titles and labels, so markup is made plain text."""
    return html.escape(str(value), quote=False)


def watermark(figure: Any, words: str) -> None:
    """Write faint large words across a figure, under nothing and over nothing but the grid; none when empty."""
    if words:
        figure.add_annotation(
            text=text(words), xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False, textangle=-18,
            font={"size": 44, "color": INK}, opacity=0.07,
        )  # fmt: skip
