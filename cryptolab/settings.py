"""Settings: what is given in code, over the environment, over `.env`, over `config.yaml`.

`config.yaml` and `.env` stand in the project's root. A name nobody knows is refused with the nearest one somebody does,
at every level and from every source: a mistyped limit that is silently ignored is worse than none.

In the environment a setting is written CRYPTOLAB_<NAME>, levels joined by two underscores
(`CRYPTOLAB_RISK__MAX_DAILY_LOSS=0.03`); credentials and the Redis address have the bare names of `.env.example`, and
stand only there: `config.yaml` goes into version control.

Importing this module loads pydantic (a third of a second): the command line imports it inside functions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn, get_args

import yaml
from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from cryptolab.checks import known_keys, refuse, unknown_name

__all__ = ["Settings", "load_settings", "project_root"]

PREFIX = "CRYPTOLAB_"
OTHER_VARIABLES = ("CRYPTOLAB_HOME", "CRYPTOLAB_KERNEL_CACHE", "CRYPTOLAB_REAL_DATA", "CRYPTOLAB_STRICT")
"""Variables of ours that are no settings: the project's root, the kernel cache, and two that the tests read."""


def _not_a_flag(value: Any) -> Any:
    """Refuse True and False, which would count as the numbers 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("a number")
    return value


def _symbol(value: str) -> str:
    """Refuse what cannot be a symbol; which market it names is decided where bars are asked for."""
    if not re.fullmatch(r"\w+([-/]\w+)?", value):
        raise ValueError("BASE/QUOTE, as in 'BTC/USDT'")
    return value


def _upper(value: Any) -> Any:
    return value.upper() if isinstance(value, str) else value


# what numbers may be; ranges are those of the engine and the models that read them
_NoFlag = BeforeValidator(_not_a_flag)
Count = Annotated[int, _NoFlag, Field(ge=1)]
Positive = Annotated[float, _NoFlag, Field(gt=0)]
NotNegative = Annotated[float, _NoFlag, Field(ge=0)]
Share = Annotated[float, _NoFlag, Field(gt=0, le=1)]
Loss = Annotated[float, _NoFlag, Field(gt=0, lt=1)]
Level = Annotated[float, _NoFlag, Field(ge=0, le=100)]


class Section(BaseModel):
    """One level of `config.yaml`: frozen, and knowing its keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Asset(Section):
    """A symbol (BASE/QUOTE or an alias) and the least quantity of its base an order may have."""

    symbol: Annotated[str, AfterValidator(_symbol)]
    enabled: bool = True
    min_order_size: NotNegative = 0.0


class VWAPSection(Section):
    enabled: bool = True


class EMASection(Section):
    enabled: bool = True
    periods: Annotated[tuple[Count, ...], Field(min_length=1)] = (9, 21, 50, 200)


class RSISection(Section):
    enabled: bool = True
    period: Count = 14
    overbought: Level = 70.0
    oversold: Level = 30.0


class IchimokuSection(Section):
    enabled: bool = True
    tenkan_period: Count = 9
    kijun_period: Count = 26


class IndicatorsSection(Section):
    vwap: VWAPSection = VWAPSection()
    ema: EMASection = EMASection()
    rsi: RSISection = RSISection()
    ichimoku: IchimokuSection = IchimokuSection()


class XGBoostSection(Section):
    enabled: bool = True
    n_estimators: Count = 100
    max_depth: Count = 7
    learning_rate: Share = 0.01


class ModelsSection(Section):
    xgboost: XGBoostSection = XGBoostSection()


class BayesianSection(Section):
    n_iterations: Count = 50


class WalkForwardSection(Section):
    """Lengths in days of 24 hours."""

    train_period_days: Count = 365
    test_period_days: Count = 90
    step_days: Count = 30


class OptimizationSection(Section):
    bayesian: BayesianSection = BayesianSection()
    walk_forward: WalkForwardSection = WalkForwardSection()


class RiskSection(Section):
    """Fractions of equity; a multiple of ATR(14). Unsaid, a limit does not exist."""

    max_position_size: Share = 1.0
    max_daily_loss: Loss | None = None
    stop_loss_atr_multiplier: Positive | None = None


class BinanceSection(Section):
    """`rate_limit_delay`: least time between two requests, in milliseconds; unsaid, what the exchange asks for."""

    rate_limit_delay: NotNegative | None = None


class SourcesSection(Section):
    binance: BinanceSection = BinanceSection()


def _bare(name: str) -> Any:
    """A field that the environment and `.env` give under its bare upper-case name."""
    return Field(default=None, validation_alias=AliasChoices(name, name.upper()))


class Settings(BaseSettings):
    """All settings, frozen. `load_settings()` makes one and refuses wrong input in one sentence.

    `data_dir`, `reports_dir`, `logs_dir` are absolute once loaded (a relative one starts at the project's root).
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        env_ignore_empty=True,
        dotenv_filtering="match_prefix",
        extra="forbid",
        frozen=True,
        allow_inf_nan=False,
    )

    data_dir: Path = Path("data")
    reports_dir: Path = Path("reports")
    logs_dir: Path = Path("logs")
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_upper)] = "INFO"

    assets: tuple[Asset, ...] = ()
    indicators: IndicatorsSection = IndicatorsSection()
    ml_models: ModelsSection = ModelsSection()
    optimization: OptimizationSection = OptimizationSection()
    risk: RiskSection = RiskSection()
    data_sources: SourcesSection = SourcesSection()

    binance_api_key: SecretStr | None = _bare("binance_api_key")
    binance_api_secret: SecretStr | None = _bare("binance_api_secret")
    openai_api_key: SecretStr | None = _bare("openai_api_key")
    redis_host: str | None = _bare("redis_host")
    redis_port: Annotated[int, Field(ge=1, le=65535)] | None = _bare("redis_port")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the two files of the project's root, wherever below it the process stands."""
        root = project_root()
        dotenv = DotEnvSettingsSource(settings_cls, env_file=root / ".env", env_file_encoding="utf-8")
        config = InitSettingsSource(settings_cls, init_kwargs=_config(root / "config.yaml"))
        return init_settings, env_settings, dotenv, config


_BARE = [name.upper() for name, field in Settings.model_fields.items() if field.validation_alias]
_PLAIN = [name for name in Settings.model_fields if name.upper() not in _BARE]

_INSTEAD = {
    "missing": "give it a value",
    "model_type": "write `name: value` lines below it",
    "path_type": "name a folder",
}
"""What to write, where pydantic's own message would name its classes."""


def project_root() -> Path:
    """Return the folder that holds config.yaml, data/, reports/, notebooks/: the same for the notebook, cron and shell.

    `CRYPTOLAB_HOME`, else the nearest folder from the working folder upwards that holds a `config.yaml`.
    Raises InputError where neither exists.
    """
    named = os.environ.get("CRYPTOLAB_HOME")
    if named:
        root = Path(named).expanduser()
        if not root.is_dir():
            refuse("CRYPTOLAB_HOME", f"{named!r}, which is no folder", "name the project's folder")
        return root.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "config.yaml").is_file():
            return folder
    refuse("the project's folder", f"no config.yaml in {here} or above", "go there, or name it in CRYPTOLAB_HOME")


def load_settings(**given: Any) -> Settings:
    """Return the settings of the project; `given` ones go before every source.

    Raises UnknownNameError for an unknown name, InputError for a value out of range or a file that is no YAML; the
    message names the setting and where it was read.
    """
    root = project_root()
    known_keys("setting", given, Settings.model_fields)
    _known_variables("variable", os.environ)
    if (root / ".env").is_file():
        _known_variables("variable in .env:", dotenv_values(root / ".env", encoding="utf-8"))
    try:
        settings = Settings(**given)
    except ValidationError as error:
        _refuse_first(error, given, root)
    except SettingsError as error:  # a whole section in one variable, which must be JSON
        refuse("the environment or .env", str(error), "write a section as JSON, or its values one by one")
    paths = {name: root / getattr(settings, name).expanduser() for name in ("data_dir", "reports_dir", "logs_dir")}
    return settings.model_copy(update=paths)


def _config(path: Path) -> dict[str, Any]:
    """Return the mapping in `path` ({} if there is no such file); only settings that may stand there are let in."""
    if not path.is_file():
        return {}
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        refuse("config.yaml", f"no YAML{where} ({getattr(error, 'problem', 'not UTF-8')})", "correct it")
    if content is None:
        return {}
    if not isinstance(content, dict):
        refuse("config.yaml", f"a {type(content).__name__}", "write `name: value` lines")
    for name in content:
        if str(name).upper() in _BARE:
            refuse(
                f"setting {name!r}", "it in config.yaml", f"write {str(name).upper()}=... in .env or the environment"
            )
    known_keys("setting in config.yaml:", map(str, content), _PLAIN)
    return content


def _known_variables(kind: str, names: Iterable[str]) -> None:
    """Refuse the first name that begins with our prefix and belongs to no setting; deeper levels are pydantic's."""
    tops = [PREFIX + name.upper() for name in _PLAIN]
    for name in names:
        if not name.upper().startswith(PREFIX) or name.upper() in OTHER_VARIABLES:
            continue
        top, *below = name.upper().split("__")
        if top not in tops:
            unknown_name(kind, top, [*tops, *OTHER_VARIABLES, *_BARE])
        if below and not _keys((top.removeprefix(PREFIX).lower(),)):
            refuse(f"{kind} {name!r}", "a level below a plain value", f"write {top}=...")


def _refuse_first(error: ValidationError, given: Mapping[str, Any], root: Path) -> NoReturn:
    """Raise one of pydantic's findings in our sentence shape; an unknown name first, as it may explain the others."""
    finding = min(error.errors(), key=lambda found: found["type"] != "extra_forbidden")
    place = finding["loc"]
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")
    origin = _origin(place, given, root)
    if finding["type"] == "extra_forbidden":
        parent = path.removesuffix(str(place[-1])).rstrip(".")
        unknown_name(f"setting in {origin}:" + f" {parent}:" * bool(parent), str(place[-1]), _keys(place[:-1]))
    received = "nothing" if finding["type"] == "missing" or finding["input"] is None else repr(finding["input"])
    message = re.sub("^(Input should be|Value error,) ", "it should be ", finding["msg"])
    instead = _INSTEAD.get(finding["type"], message[0].lower() + message[1:])
    refuse(f"setting {path} in {origin}", received, instead)


def _origin(place: tuple[Any, ...], given: Mapping[str, Any], root: Path) -> str:
    """Return the source that named the setting at `place`, in the order in which they count."""
    if place[0] in given:
        return "the call"
    names = [str(step).upper() for step in place]
    for depth in range(len(names), 0, -1):
        for variable in (PREFIX + "__".join(names[:depth]), names[0]):
            if variable in (name.upper() for name in os.environ):
                return f"the environment ({variable})"
            if (root / ".env").is_file() and variable in (n.upper() for n in dotenv_values(root / ".env")):
                return f".env ({variable})"
    return "config.yaml"


def _keys(place: tuple[Any, ...]) -> list[str]:
    """Return the names known at `place`, a path of names and list positions from the top; [] where it is no section."""
    model: Any = Settings
    for step in place:
        if isinstance(step, str):
            model = model.model_fields[step].annotation if step in getattr(model, "model_fields", {}) else None
        model = next((inner for inner in get_args(model) if hasattr(inner, "model_fields")), model)
    return list(getattr(model, "model_fields", {}))
