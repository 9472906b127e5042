"""Settings: which source counts, the guide's file, and how wrong input is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from cryptolab.errors import InputError, UnknownNameError
from cryptolab.settings import Settings, load_settings, project_root

ROOT = Path(__file__).resolve().parents[2]

GUIDE = """
assets:
  - symbol: BTC-USD
    enabled: true
    min_order_size: 0.001
  - symbol: ETH-USD
    enabled: true
    min_order_size: 0.01
indicators:
  vwap:
    enabled: true
  ema:
    enabled: true
    periods: [9, 21, 50, 200]
  rsi:
    period: 14
    overbought: 70
    oversold: 30
  ichimoku:
    enabled: true
    tenkan_period: 9
    kijun_period: 26
ml_models:
  xgboost:
    enabled: true
    n_estimators: 100
    max_depth: 7
    learning_rate: 0.01
optimization:
  bayesian:
    n_iterations: 50
  walk_forward:
    train_period_days: 365
    test_period_days: 90
    step_days: 30
risk:
  max_position_size: 0.1
  max_daily_loss: 0.05
  stop_loss_atr_multiplier: 2.0
data_sources:
  binance:
    rate_limit_delay: 1000  # milliseconds
"""


@pytest.fixture
def config(home):
    """Write `text` as the project's config.yaml, and what else is given as its .env."""

    def write(text: str = "", env: str = "") -> None:
        (home / "config.yaml").write_text(text)
        (home / ".env").write_text(env)

    return write


def test_the_guides_file_loads(config):
    config(GUIDE)
    settings = load_settings()
    assert [asset.symbol for asset in settings.assets] == ["BTC-USD", "ETH-USD"]
    assert settings.indicators.ema.periods == (9, 21, 50, 200)
    assert settings.ml_models.xgboost.learning_rate == 0.01
    assert settings.optimization.walk_forward.step_days == 30
    assert (settings.risk.max_position_size, settings.risk.max_daily_loss) == (0.1, 0.05)
    assert settings.data_sources.binance.rate_limit_delay == 1000


def test_the_repositorys_files_load(home, monkeypatch):
    monkeypatch.chdir(home)
    (home / ".env").write_text((ROOT / ".env.example").read_text())
    settings = load_settings()
    assert settings.binance_api_key is None  # an empty line of the template is no key
    assert settings.reports_dir == home / "reports"


def test_without_any_file_nothing_is_limited(home):
    (home / "config.yaml").unlink()
    settings = load_settings()
    assert (settings.risk.max_position_size, settings.risk.max_daily_loss, settings.assets) == (1.0, None, ())


def test_call_over_environment_over_dotenv_over_yaml(config, monkeypatch):
    config("log_level: ERROR\nrisk: {max_position_size: 0.5, max_daily_loss: 0.1}")
    assert load_settings().log_level == "ERROR"
    config("log_level: ERROR\nrisk: {max_position_size: 0.5, max_daily_loss: 0.1}",
           "CRYPTOLAB_LOG_LEVEL=WARNING\nCRYPTOLAB_RISK__MAX_DAILY_LOSS=0.2")  # fmt: skip
    assert load_settings().log_level == "WARNING"
    monkeypatch.setenv("CRYPTOLAB_LOG_LEVEL", "info")
    settings = load_settings()
    assert settings.log_level == "INFO"
    assert (settings.risk.max_position_size, settings.risk.max_daily_loss) == (0.5, 0.2)
    assert load_settings(log_level="DEBUG").log_level == "DEBUG"


def test_the_guides_names_of_the_environment(config, monkeypatch):
    config("", "BINANCE_API_KEY=abc # mine\nOPENAI_API_KEY=\nREDIS_HOST=localhost\nREDIS_PORT=6379\nOTHER_TOOL=1\n")
    monkeypatch.setenv("BINANCE_API_SECRET", "s3cret")
    settings = load_settings()
    assert settings.binance_api_key.get_secret_value() == "abc"
    assert settings.binance_api_secret.get_secret_value() == "s3cret"
    assert settings.openai_api_key is None
    assert (settings.redis_host, settings.redis_port) == ("localhost", 6379)
    assert "s3cret" not in repr(settings)
    assert "s3cret" not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("rsk: {}", "unknown setting in config.yaml: 'rsk': did you mean 'risk'."),
        ("risk: {max_position_siz: 1}",
         "unknown setting in config.yaml: risk: 'max_position_siz': did you mean 'max_position_size'."),
        ("indicators: {emaa: {}}", "unknown setting in config.yaml: indicators: 'emaa': did you mean 'ema'."),
        ("indicators: {ema: {period: 9}}",
         "unknown setting in config.yaml: indicators.ema: 'period': did you mean 'periods'."),
        ("assets: [{symbl: BTC-USD}]", "unknown setting in config.yaml: assets[0]: 'symbl': did you mean 'symbol'."),
    ],
)  # fmt: skip
def test_unknown_keys_are_refused_with_a_suggestion_at_every_level(config, text, sentence):
    config(text)
    with pytest.raises(UnknownNameError) as refusal:
        load_settings()
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("risk: {max_position_size: 1.5}", "received 1.5; it should be less than or equal to 1."),
        ("risk: {max_position_size: true}", "received True; it should be a number."),
        ("risk: {max_daily_loss: .nan}", "received nan; it should be a finite number."),
        ("risk: 3", "setting risk in config.yaml: received 3; write `name: value` lines below it."),
        ("assets: [{enabled: true}]", "setting assets[0].symbol in config.yaml: received nothing; give it a value."),
        ("assets: [{symbol: B T C}]", "received 'B T C'; it should be BASE/QUOTE, as in 'BTC/USDT'."),
        ("indicators: {ema: {periods: [9, 0]}}", "indicators.ema.periods[1] in config.yaml: received 0; it should be"),
        ("indicators: {rsi: {period: 14.5}}", "received 14.5; it should be a valid integer"),
        ("log_level: loud", "it should be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'."),
        ("data_dir:", "setting data_dir in config.yaml: received nothing; name a folder."),
        ("- risk", "config.yaml: received a list; write `name: value` lines."),
        ("risk: 1\n  more: 2", "config.yaml: received no YAML in line 2"),
        ("binance_api_key: abc", "BINANCE_API_KEY=... in .env or the environment."),
    ],
)
def test_wrong_values_are_refused_in_one_sentence(config, text, sentence):
    config(text)
    with pytest.raises(InputError) as refusal:
        load_settings()
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("CRYPTOLAB_LOG_LEVL", "INFO", "did you mean 'CRYPTOLAB_LOG_LEVEL'"),
        ("CRYPTOLAB_RSK__MAX_DAILY_LOSS", "0.1", "did you mean 'CRYPTOLAB_RISK'"),
        ("CRYPTOLAB_RISK__MAX_DAILY_LOS", "0.1", "did you mean 'max_daily_loss'"),
        ("CRYPTOLAB_LOG_LEVEL__DEEP", "1", "received a level below a plain value; write CRYPTOLAB_LOG_LEVEL=..."),
        (
            "CRYPTOLAB_RISK__MAX_DAILY_LOSS",
            "2",
            "(CRYPTOLAB_RISK__MAX_DAILY_LOSS): received '2'; it should be less than 1",
        ),
        ("CRYPTOLAB_RISK", "{", "write a section as JSON, or its values one by one"),
        ("REDIS_PORT", "x", "setting redis_port in"),
    ],
)
def test_variables_are_refused_by_name_from_the_environment_and_dotenv(config, monkeypatch, variable, value, sentence):
    config("", f"{variable}={value}")
    with pytest.raises(InputError) as refusal:
        load_settings()
    assert sentence in str(refusal.value)
    config()
    monkeypatch.setenv(variable, value)
    with pytest.raises(InputError) as refusal:
        load_settings()
    assert sentence in str(refusal.value)


def test_an_unknown_name_in_a_call_is_refused(home):
    with pytest.raises(UnknownNameError, match="did you mean 'log_level'"):
        load_settings(log_lvel="INFO")


def test_settings_cannot_be_changed(home):
    settings = load_settings()
    with pytest.raises(ValueError, match="frozen"):
        settings.log_level = "DEBUG"
    assert isinstance(settings, Settings)


def test_relative_folders_start_at_the_root_and_absolute_ones_stay(config, home, tmp_path):
    config(f"data_dir: lake\nlogs_dir: {tmp_path}")
    settings = load_settings()
    assert (settings.data_dir, settings.logs_dir) == (home / "lake", tmp_path)


def test_the_root_is_the_nearest_folder_upwards_with_a_config(home, tmp_path, monkeypatch):
    monkeypatch.delenv("CRYPTOLAB_HOME")
    below = home / "notebooks" / "deep"
    below.mkdir()
    monkeypatch.chdir(below)
    assert project_root() == home
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        InputError, match=r"the project's folder: received no config\.yaml in .* or above; go there, or"
    ):
        project_root()
    monkeypatch.setenv("CRYPTOLAB_HOME", str(tmp_path / "absent"))
    with pytest.raises(InputError, match=r"CRYPTOLAB_HOME: received '.*absent', which is no folder"):
        project_root()


def test_settings_load_no_heavy_library():
    code = "import sys, cryptolab.settings; print({'pandas', 'numpy', 'numba', 'vectorbt'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "set()"
