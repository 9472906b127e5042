"""The arrangement of a report: tables, figures, lists as HTML. It computes nothing; every text is escaped here.

A Sheet is what a notebook cell shows; the notebook's own headings stand between them. Together they make the page that
nbconvert exports. `opening` brings what all share, once: the style, plotly.js (the page opens without a network) and
the ribbon of a simulated market.
"""

from __future__ import annotations

import html
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote

from cryptolab.figures.study import Drawing

SIMULATED = "SIMULATED"
DISCLAIMER = (
    "This report is for educational and research purposes only. Cryptocurrency trading involves substantial risk of"
    " loss. Always test thoroughly with paper trading first, never invest more than you can afford to lose, understand"
    " strategies before deploying, monitor positions actively, follow proper risk management, and comply with local"
    " regulations.",
    "Past performance does not guarantee future results.",
)


@dataclass(frozen=True)
class Sheet:
    """A piece of a report that a notebook shows as HTML."""

    html: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return f"<Sheet of {len(self.html):,} characters>"  # a notebook keeps this text beside the HTML


@dataclass(frozen=True)
class Cell:
    """A table's cell: its text, what the pointer is told, and how it looks ("gain", "loss")."""

    text: str
    hint: str = ""
    look: str = ""
    shade: float = 0.0
    """background, from -1 (loss) over 0 (none) to 1 (gain)"""


@cache
def _asset(name: str) -> str:
    return (files("cryptolab.reporting") / name).read_text(encoding="utf-8")


def esc(value: object) -> str:
    """Return a text with its markup made plain."""
    return html.escape(str(value))


def opening(body: str, simulated: bool) -> Sheet:
    """Return the first sheet of a page: what all sheets share, the ribbon of a simulated market, then `body`."""
    from plotly.offline import get_plotlyjs

    said = f"{SIMULATED} market: these prices never traded"
    ribbon = f'<div class="cl-ribbon" role="note">{said}</div>' if simulated else ""
    shared = (
        f"<style>{_asset('page.css')}</style>"
        f"<script>window.PlotlyConfig = {{MathJaxConfig: 'local'}};</script><script>{get_plotlyjs()}</script>"
        f"<script>{_asset('figures.js')}</script>"
    )
    return Sheet(f'{shared}{ribbon}<header class="cl">{body}</header>')


def sheet(*parts: str) -> Sheet:
    """Return finished parts as one sheet."""
    return Sheet(f'<section class="cl">{"".join(parts)}</section>')


def styled(*parts: str) -> Sheet:
    """Return finished parts as a sheet that brings the style itself, to be shown where no `opening` was."""
    return Sheet(f"<style>{_asset('page.css')}</style>{sheet(*parts).html}")


def paragraph(text: str, kind: str = "") -> str:
    """Return a paragraph; kind: "note" (small), "lead" (large)."""
    return f'<p class="cl-{kind}">{esc(text)}</p>' if kind else f"<p>{esc(text)}</p>"


def link(file: str, name: str, said: str) -> str:
    """Return a paragraph with a link to a file in the page's folder: its name for readers, and what it holds."""
    return f'<p><a href="{esc(quote(file))}">{esc(name)}</a>: {esc(said)}.</p>'


def heading(text: str) -> str:
    """Return a heading inside a sheet."""
    return f"<h3>{esc(text)}</h3>"


def columns(*parts: str) -> str:
    """Return parts side by side where the page is wide enough, else below one another."""
    return f'<div class="cl-columns">{"".join(f"<div>{part}</div>" for part in parts)}</div>'


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names with their values, in as many columns as fit; a long path breaks after its slashes."""
    items = "".join(
        f"<div><dt>{esc(name)}</dt><dd>{esc(value).replace('/', '/<wbr>')}</dd></div>" for name, value in pairs
    )
    return f'<dl class="cl-facts">{items}</dl>'


def tiles(items: Iterable[tuple[str, Cell]]) -> str:
    """Return the few numbers that a reader looks at first, large."""
    shown = "".join(
        f"<div{_hint(cell)}><dt>{esc(name)}</dt><dd{_look(cell)}>{esc(cell.text)}</dd></div>" for name, cell in items
    )
    return f'<dl class="cl-tiles">{shown}</dl>'


def table(header: Sequence[str], rows: Iterable[Sequence[Any]], kind: str = "") -> str:
    """Return a table of Cells and texts whose first column names its rows; wider than the page, it scrolls by itself.

    kind: "heat" (narrow shaded cells), "text" (left-aligned), "dates" (its rows are named by times), "trades" (so
    are they, and its words are left-aligned) or "wide" (smaller on paper, so that it fits).
    """
    head = "".join(f'<th scope="col">{esc(name)}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row"{_hint(_cell(row[0]))}>{esc(_cell(row[0]).text)}</th>{"".join(map(_td, row[1:]))}</tr>'
        for row in rows
    )
    return (
        f'<div class="cl-scroll" tabindex="0"><table class="cl-table{f" cl-{kind}" if kind else ""}">'
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _cell(value: Cell | str) -> Cell:
    return value if isinstance(value, Cell) else Cell(value)


def _hint(cell: Cell) -> str:
    return f' title="{esc(cell.hint)}" class="cl-hint"' if cell.hint else ""


def _look(cell: Cell) -> str:
    return f' class="cl-{cell.look}"' if cell.look else ""


def _td(value: Cell | str) -> str:
    cell = _cell(value)
    style = ""
    if cell.shade:
        colour = "18, 128, 106" if cell.shade > 0 else "196, 71, 47"
        style = f' style="background: rgba({colour}, {min(1.0, abs(cell.shade)) * 0.5:.2f})"'
    title = f' title="{esc(cell.hint)}"' if cell.hint else ""
    return f"<td{_look(cell)}{title}{style}>{esc(cell.text)}</td>"


def checks(items: Iterable[tuple[bool, str, str]]) -> str:
    """Return checks as a list: whether each raises a doubt, its name and its sentence."""
    rows = "".join(
        f'<li class="cl-{"doubt" if fired else "clear"}"><span class="cl-state">{"doubt" if fired else "clear"}</span>'
        f"<div><strong>{esc(name)}</strong> {esc(sentence)}</div></li>"
        for fired, name, sentence in items
    )
    return f'<ul class="cl-checks">{rows}</ul>'


def folded(summary: str, *parts: str) -> str:
    """Return parts behind a line that opens them."""
    return f"<details><summary>{esc(summary)}</summary>{''.join(parts)}</details>"


def code(text: str) -> str:
    """Return a listing; long lines scroll."""
    return f'<div class="cl-scroll"><pre class="cl-code">{esc(text)}</pre></div>'


def hash_line(name: str, value: str) -> str:
    """Return a long hash that may break anywhere."""
    return f'<p class="cl-note">{esc(name)} <code class="cl-hash">{esc(value)}</code></p>'


def figure(drawing: Drawing) -> str:
    """Return a figure that plotly.js draws in the reader's page; its choices are buttons above it."""
    height = drawing.figure.layout.height
    buttons = "".join(
        f'<button type="button" aria-pressed="{"true" if i == 0 else "false"}">{esc(choice.label)}</button>'
        for i, choice in enumerate(drawing.choices)
    )
    choices = f'<div class="cl-choices">{buttons}</div>' if buttons else ""
    spec = json.loads(drawing.figure.to_json())
    spec.pop("frames", None)
    return (
        f'<figure class="cl-figure">{choices}<div class="cl-plot" role="img" aria-label="{esc(drawing.said)}"'
        f' style="height: {height}px">Run the first cell: it brings the drawing library.</div>'
        f'<script type="application/json">{_json(spec | {"choices": _choices(drawing)})}</script></figure>'
        "<script>window.cryptolabDraw && window.cryptolabDraw();</script>"
    )


def _choices(drawing: Drawing) -> list[dict[str, Any]]:
    return [{"traces": choice.traces, "layout": choice.layout} for choice in drawing.choices]


def _json(value: Any) -> str:
    """Return JSON that may stand inside a script element: no text in it can close the element."""
    shown = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return shown.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def disclaimer() -> str:
    """Return the disclaimer of the platform."""
    return f'<footer class="cl-disclaimer">{"".join(paragraph(text) for text in DISCLAIMER)}</footer>'
