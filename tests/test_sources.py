"""A digest tells functions apart by what they do, and by nothing else."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from cryptolab.sources import digest_of, source_of


def readable(x: float) -> float:
    return x + 1


def compiled(text: str, file: str = "<nowhere>", **names: Any) -> Callable:
    """Return the function `f` of a text that can no longer be read."""
    exec(compile(text, file, "exec"), names)
    return names["f"]


def test_a_readable_function_has_its_dedented_text_as_digest() -> None:
    def inner(x: float) -> float:
        return x + 1

    assert source_of(readable) == "def readable(x: float) -> float:\n    return x + 1\n"
    assert source_of(inner) == "def inner(x: float) -> float:\n    return x + 1\n"
    assert digest_of(inner) == hashlib.sha256(str(source_of(inner)).encode()).hexdigest()
    assert source_of(compiled("def f(x): return x")) is None
    assert source_of(len) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("def f(x): return x + 1", "def f(x): return x + 2"),
        ("def f(x): return x + 1", "def f(x): return x + 1.0"),
        ("def f(x): return x.high", "def f(x): return x.low"),
        ("def f(x): return x + 1", "def f(x): return x - 1"),
        ("def f(x): return map(lambda y: y + 1, x)", "def f(x): return map(lambda y: y + 2, x)"),
        ("def f(x): return [lambda: 1, lambda: lambda: 1]", "def f(x): return [lambda: 1, lambda: lambda: 2]"),
        ("def f(x, period=3): return x", "def f(x, period=4): return x"),
        ("def f(x, *, period=3): return x", "def f(x, *, period=4): return x"),
        ("def f(x, g=lambda: 1): return x", "def f(x, g=lambda: 2): return x"),
        ("def f(x): return x in {'ab', 'cd'}", "def f(x): return x in {'ab', 'ce'}"),
        ("def f(x): return x in {'ab', 'cd'}", "def f(x): return x in ('ab', 'cd')"),
        ("def f(a, b): return a", "def f(a, *b): return a"),
    ],
)
def test_functions_that_differ_have_different_digests(one: str, other: str) -> None:
    assert digest_of(compiled(one)) == digest_of(compiled(one))
    assert digest_of(compiled(one)) != digest_of(compiled(other))


CLOSES = "def made(held):\n    def f(x):\n        return x, held\n    return f\nf = made({value})"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1", "2"),
        ("[1, 2]", "[2, 1]"),
        ("{'a': 1}", "{'a': 2}"),
        ("(1, {2})", "(1, {3})"),
        ("lambda: 1", "lambda: 2"),
        ("[lambda: 1]", "[lambda: 2]"),
        ("object()", "None"),
    ],
)
def test_the_values_a_function_closes_over_count(one: str, other: str) -> None:
    first, again, second = (digest_of(compiled(CLOSES.format(value=value))) for value in (one, one, other))
    assert first == again != second


def test_a_function_may_close_over_itself_or_over_nothing_yet() -> None:
    around = "def made():\n    def f(n):\n        return n and f(n - 1)\n    return f\nf = made()"
    assert digest_of(compiled(around)) == digest_of(compiled(around))
    later = "def made():\n    def f():\n        return helper()\n    return f\n    helper = 1\nf = made()"
    assert len(digest_of(compiled(later))) == 64
    tangle = "def made():\n    held = []\n    held.append(held)\n    return lambda: held\nf = made()"
    assert digest_of(compiled(tangle)) == digest_of(compiled(tangle))


def test_file_and_line_do_not_count() -> None:
    text = "def f(x, y=(lambda: 3)):\n    if x:\n        raise ValueError(x)\n    return [x for x in {1, 2}]"
    moved = compiled("\n\n\nunrelated = 1\n\n" + text, "<another>")
    assert digest_of(compiled(text)) == digest_of(moved)
    assert digest_of(compiled(f"def outer():\n    {text.splitlines()[0]} return x\n    return f\nf = outer()")) == (
        digest_of(compiled(f"{text.splitlines()[0]} return x"))
    )


def test_having_run_does_not_count() -> None:
    """Python rewrites the bytecode of what runs often."""
    function = compiled("def f(x):\n    for i in range(9):\n        x = x + i\n    return x")
    before = digest_of(function)
    for _ in range(1000):
        function(1.5)
    assert digest_of(function) == before


def test_two_processes_agree_on_a_set_of_texts() -> None:
    code = (
        "from cryptolab.sources import digest_of\n"
        "exec(\"def f(x, known=frozenset({'ab', 'cd', 'ef'})): return x in {'ab', 'cd', 'gh'}\")\n"
        "print(digest_of(f), list({'ab', 'cd', 'ef', 'gh'}))"
    )
    said = []
    for seed in ("1", "2", "3"):
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.strip().split(" ", 1))
    assert len({order for _, order in said}) > 1  # else the seeds were too tame to show anything
    assert len({digest for digest, _ in said}) == 1
