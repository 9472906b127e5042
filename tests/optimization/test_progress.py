"""What is shown of a sweep's progress: true rates from the first frame on, in a bar and in log lines."""

from __future__ import annotations

import logging
import re
import time

import pytest
import tqdm.std

from cryptolab.optimization import progress
from cryptolab.optimization.progress import Progress

FRAME = re.compile(r"(\d+)/128 \[00:(\d+)<00:(\d+), +([\d.]+) sets/s, ([^\]]*) bars/s\]")


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(time, "monotonic", made)
    monkeypatch.setattr(time, "time", made)
    monkeypatch.setattr(tqdm.std, "time", made)
    return made


def frames(text: str) -> list[tuple[float, ...]]:
    return [tuple(map(float, found[:4])) for found in FRAME.findall(text)]


@pytest.mark.parametrize("earlier", [0, 20])
def test_every_frame_has_the_rate_of_the_whole_sweep(
    clock: Clock, capsys: pytest.CaptureFixture[str], earlier: int
) -> None:
    with Progress(128, True) as shown:
        shown.already(earlier)
        for _ in range(6):
            clock.now += 0.5
            shown.add(9, 9 * 26_280)  # 18 sets a second
    text = capsys.readouterr().err
    first = next(frame for frame in text.split("\r") if frame.strip())
    assert "?" not in text
    assert frames(first) == [(27 + earlier, 1, (101 - earlier) // 18, 18.0)]
    assert [each[3] for each in frames(text)] == [18.0] * len(frames(text))
    assert frames(text)[-1][0] == 54 + earlier
    assert {found[4] for found in FRAME.findall(text)} == {"473 thousand"}


def test_a_quick_sweep_shows_nothing(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(20, True) as shown:
        clock.now += 0.9
        shown.add(20, 20)
    assert capsys.readouterr() == ("", "")


def test_log_lines_where_nobody_watches(
    clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "watched", lambda: False)
    with caplog.at_level(logging.INFO, "cryptolab.sweep"), Progress(12_000, None) as shown:
        shown.already(2_000)
        for _ in range(5):
            clock.now += 10.0
            shown.add(1_000, 10**9)
    assert caplog.messages == [
        "sweep: 6,000 of 12,000 sets, 100 million bar-simulations a second, 60 s left",
    ]


def test_silence_when_it_is_asked_for(
    clock: Clock, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO, "cryptolab.sweep"), Progress(100, False) as shown:
        clock.now += 60.0
        shown.add(50, 50)
    assert caplog.messages == []
    assert capsys.readouterr() == ("", "")
