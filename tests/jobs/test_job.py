from __future__ import annotations

from pathlib import Path

import pytest

from cryptolab.errors import CryptolabError
from cryptolab.jobs.job import find_file, load_job, read_yaml
from tests.jobs.notebooks import write_job


def test_a_job_by_name_and_by_path(home: Path) -> None:
    name = write_job(home, job="notebook: notebooks/small.ipynb\nparams: params/demo.yaml\noutputs: []\n")
    job = load_job(name, home)
    assert job.notebook == home / "notebooks" / "small.ipynb"
    assert job.params == home / "params" / "demo.yaml"
    assert (job.name, job.outputs) == ("small", ())
    assert load_job("papermill_jobs/small.yaml", home) == job
    assert load_job(str(home / "papermill_jobs" / "small.yaml"), home) == job


def test_the_main_job(home: Path) -> None:
    job = load_job("study", home)
    assert job.notebook.name == "study.ipynb"
    assert job.params is not None
    assert job.params.name == "demo.yaml"
    assert job.outputs == ("html",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no notebook"),
        ("notebook: notebooks/none.ipynb", r"none\.ipynb"),
        ("notebook: notebooks/small.ipynb\nparams: nowhere.yaml", r"nowhere\.yaml"),
        ("notebook: notebooks/small.ipynb\nparam: x", "unknown key .*did you mean 'params'"),
        ("notebook: notebooks/small.ipynb\nschedule: daily", "unknown key in job file small.yaml: 'schedule'"),
        ("notebook: notebooks/small.ipynb\noutputs: [pdf]", "outputs"),
        ("notebook: notebooks/small.ipynb\noutputs: html", r"write a list"),
        ("notebook: [", "no YAML in line"),
        ("- a\n- b", "a list"),
        ("1: 2", "name: value"),
    ],
)
def test_what_describes_no_job_is_refused_in_one_sentence(home: Path, text: str, said: str) -> None:
    write_job(home, job=text or "# nothing\n")
    with pytest.raises(CryptolabError, match=said) as caught:
        load_job("small", home)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["studdy", "../study", "notebooks/study"])
def test_an_unknown_job_is_refused_with_the_nearest_one(home: Path, name: str) -> None:
    with pytest.raises(CryptolabError, match="did you mean 'study'"):
        load_job(name, home)


def test_yaml_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xff\xfe\x00a: \xe9")
    with pytest.raises(CryptolabError, match="no YAML"):
        read_yaml(path, "params file x.yaml")


def test_dates_stay_the_texts_they_are_and_powers_of_ten_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "x.yaml"
    path.write_text("title: 2020-01-01\ndata: {start: 2021-01-01 12:00:00, 2022-01-01: 1}\nfee: 1e-3\nname: 1e3x\n")
    data = {"start": "2021-01-01 12:00:00", "2022-01-01": 1}
    assert read_yaml(path, "x") == {"title": "2020-01-01", "data": data, "fee": 0.001, "name": "1e3x"}


def test_a_file_that_is_not_found_names_every_place(tmp_path: Path) -> None:
    with pytest.raises(CryptolabError, match=rf"no file {tmp_path}/a/x\.yaml or {tmp_path}/b/x\.yaml; name a file"):
        find_file("params", "x.yaml", tmp_path / "a", tmp_path / "b")
    with pytest.raises(CryptolabError, match=r"received '/x\.yaml', and there is no file /x\.yaml; name"):
        find_file("params", "/x.yaml", tmp_path / "a", tmp_path / "b")


def test_what_is_no_file_is_called_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(CryptolabError, match=r"^params: received '/dev/null', and /dev/null is a device or a pipe"):
        find_file("params", "/dev/null", tmp_path)
    with pytest.raises(CryptolabError, match=r"is a folder; name a file"):
        find_file("params", ".", tmp_path)
