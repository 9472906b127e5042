"""The notebook that shows how to write an indicator runs, cell by cell, and the indicator it writes obeys the laws."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd

from cryptolab.bars import as_bars
from tests.laws import laws
from tests.laws.markets import clean_frame, stress_frame

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "custom_indicator.ipynb"


def test_the_notebook_runs_and_its_indicator_obeys_the_laws() -> None:
    cells = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    assert cells[0]["metadata"]["tags"] == ["parameters"]
    names: dict[str, Any] = {}
    for cell in cells:
        assert cell["outputs"] == []
        exec("".join(cell["source"]), names)
    assert eval("".join(cells[-1]["source"]).splitlines()[-1], names)

    made, stress = names["EFFICIENCY"], as_bars(stress_frame())
    assert isinstance(made.calculate(stress), pd.Series)
    for params in laws.settings(made):
        laws.outputs_match_the_declaration(made, as_bars(clean_frame()), params)
        for law in (laws.the_past_never_changes, laws.the_memory_is_enough, laws.a_missing_bar_is_no_bar):
            law(made, stress, params)
    laws.signals_never_change(made, stress, {})
    laws.columns_do_not_mix(made, stress, [{"period": 3}, {"period": 40}])
