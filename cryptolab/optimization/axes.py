"""The values of one name of a grid as a text says them: a range, a list, a distribution. Parsed, never evaluated."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cryptolab.checks import refuse, unknown_name
from cryptolab.values import value

_WHOLE = r"[+-]?(?:0|[1-9][0-9_]*)"
_NUMBER = rf"(?:{_WHOLE}\.?|{_WHOLE}?\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_RANGE = re.compile(rf"({_NUMBER}):({_NUMBER})(?::({_NUMBER}))?")  # 09:30 is none, but a time of day
_CALL = re.compile(r"[A-Za-z_]\w*\s*\(.*\)", re.DOTALL)
_MOST = 1_000_000
"""Values of a range of floats, which has to be written out; one of whole numbers need not be."""


def axes_from_texts(grid: Mapping[str, Any]) -> dict[str, Any]:
    """Return the grid with each value that is a text read by `axis_from_text`; all others stay as they are.

    For a params file's grid, where `fast: 4:48:2` and `slow: randint(50, 250)` are texts. Raises InputError.
    """
    return {
        name: axis_from_text(values, f"grid {name!r}") if isinstance(values, str) else values
        for name, values in grid.items()
    }


def axis_from_text(text: str, what: str = "grid") -> Any:
    """Return the values that a text says; `what` names it in a refusal.

    `5:44` and `100:199:10` are ranges with both ends, of floats too (`0.01:0.05:0.01`); `9,12,21` is a list, whose
    entries are read as in a params file and may be ranges; `[...]` is a list as YAML has it; `randint(5, 45)` is a
    distribution of scipy.stats, with scipy's own arguments. Raises InputError for what says nothing of this.
    """
    text = text.strip()
    if _CALL.fullmatch(text):
        return _distribution(what, text)
    if text.startswith("["):
        if re.search("[0-9]:[0-9]", text):  # YAML would read 5:44 as minutes and seconds
            refuse(what, repr(text), "write ranges without the brackets")
        listed = value(text)
        return listed if isinstance(listed, list) else refuse(what, repr(text), "close the list: [9, 12, 21]")
    if match := _RANGE.fullmatch(text):
        return _range(what, match)
    values: list[Any] = []
    for part in map(str.strip, text.split(",")):
        match = _RANGE.fullmatch(part)
        values.extend(_range(what, match) if match else [_entry(what, text, part)])
    return values


def _entry(what: str, text: str, part: str) -> Any:
    """Return one value of a list, after refusing what would be read as something else than was meant."""
    if not part:
        refuse(what, f"{text!r}, where a value is missing" if text else "no values", "write values, as in 9,12,21")
    if part[0] in "\"'":
        return value(part)
    if ":" in part:
        refuse(what, repr(part), "write a range as START:STOP or START:STOP:STEP, and a text with a colon in quotes")
    if "(" in part or ")" in part:
        refuse(what, repr(text), "write one distribution by itself, as in randint(5,45), or a text in quotes")
    return value(part)


def _range(what: str, match: re.Match[str]) -> range | list[float]:
    """Return a range with both ends, where the steps reach the second one. Floats are counted in decimals: no dirt."""
    texts = [text for text in match.groups() if text is not None]
    whole = all(re.fullmatch(_WHOLE, text) for text in texts)
    if not whole and len(texts) == 2:
        refuse(what, f"{match[0]!r} without a step", f"write the step too, as in {match[0]}:0.01")
    first, last, step = (*map(Decimal, texts), Decimal(1))[:3]
    if step == 0:
        refuse(what, f"{match[0]!r}, whose step is 0", "write another step")
    if (last - first) * step < 0:
        instead = f"write {last}:{first}" if len(texts) == 2 else "turn the sign of the step, or the ends, around"
        refuse(what, f"{match[0]!r}, which has no values", instead)
    if whole:
        return range(int(first), int(last) + (1 if step > 0 else -1), int(step))
    if (last - first) / step > _MOST:
        refuse(what, f"{match[0]!r}, more than {_MOST:,} values", "write a larger step")
    return [float(first + place * step) for place in range(int((last - first) // step) + 1)]


def _distribution(what: str, text: str) -> Any:
    """Return a distribution of scipy.stats with the numbers that `text` gives it."""
    from scipy import stats

    name, given, named = _called(what, text)
    known = [each for each, found in vars(stats).items() if isinstance(found, stats.rv_continuous | stats.rv_discrete)]
    if name not in known:
        unknown_name(f"distribution of scipy.stats in {what}:", name, known)
    try:
        drawn = getattr(stats, name)(*given, **named)
        usable = math.isfinite(drawn.rvs(size=1, random_state=0)[0])
    except (TypeError, ValueError, OverflowError) as problem:
        refuse(what, f"{text!r} ({' '.join(str(problem).split()).rstrip('.')})", f"give what scipy.stats.{name} takes")
    return drawn if usable else refuse(what, f"{text!r}, which draws no numbers", f"give what scipy.stats.{name} takes")


def _called(what: str, text: str) -> tuple[str, list[float], dict[str, float]]:
    """Return name, arguments and named arguments of a call that is written with nothing but numbers."""
    try:
        call = ast.parse(text, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        call = None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
        given = [_number(each) for each in call.args]
        named = {each.arg or "": _number(each.value) for each in call.keywords}
        numbers = [each for each in (*given, *named.values()) if each is not None]
        if len(numbers) == len(given) + len(named) and "" not in named:
            return call.func.id, numbers[: len(given)], dict(zip(named, numbers[len(given) :], strict=True))
    refuse(what, repr(text), "write a distribution with numbers, as in randint(5, 45)")


def _number(node: ast.expr) -> float | None:
    try:
        found = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None
    return found if isinstance(found, int | float) and not isinstance(found, bool) else None
