"""`pipelinedoctor.toml`: what may stand in it, and messages that name file, key and remedy."""

import dataclasses
import difflib
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
from pydantic import BaseModel, Field, field_validator

from pipelinedoctor import timespan
from pipelinedoctor.errors import ConfigError, UsageError
from pipelinedoctor.fetch.interface import Source
from pipelinedoctor.ignore_file import NAME as IGNORE_FILE
from pipelinedoctor.logs.redact import redact
from pipelinedoctor.sources import Section, SourceSection, overlap

DEFAULT_FILE = Path("pipelinedoctor.toml")
_SHORT = 40
"""Most characters of a value that a message repeats."""

Format = Literal["html", "markdown", "json"]
FORMATS: tuple[Format, ...] = ("html", "markdown", "json")


class ReportSection(Section):
    """`[report]`: where reports go, in which formats, over which windows."""

    out: Path = Path("pipelinedoctor-report")
    formats: tuple[Format, ...] = Field(default=FORMATS, min_length=1)
    window: str = "30d"
    trend: str = "26w"

    @field_validator("window", "trend")
    @classmethod
    def _span(cls, text: str) -> str:
        try:
            timespan.span(text)
        except UsageError as error:
            raise ValueError(str(error)) from error
        return text


class CostsSection(Section):
    """`[costs]`: what costs rest on. `prices` are dollars a minute by a runner's label, on any host."""

    triage_minutes: tuple[float, float, float] = (5.0, 10.0, 28.0)
    wait_cap_minutes: float = Field(default=60.0, ge=0, le=24 * 60)
    hourly_rate: float | None = Field(default=None, gt=0, le=10_000)
    prices: dict[str, Annotated[float, Field(ge=0, lt=100)]] = Field(default_factory=dict)

    @field_validator("triage_minutes")
    @classmethod
    def _rising(cls, values: tuple[float, float, float]) -> tuple[float, float, float]:
        low, expected, high = values
        if not 0 <= low <= expected <= high <= 24 * 60:
            raise ValueError("minutes of triage, low, expected and high in this order, as [5, 10, 28]")
        return values


class Config(Section):
    """The whole file. `queries` holds a table of options a question, by the question's id.

    Without `ignore` the file of ignored findings is the one beside this, if there is one.
    """

    store: Path = Path("pipelinedoctor.duckdb")
    ignore: Path | None = None
    sources: tuple[SourceSection, ...] = ()
    report: ReportSection = ReportSection()
    costs: CostsSection = CostsSection()
    queries: dict[str, dict[str, Any]] = Field(default_factory=dict)


def read(path: Path | None) -> Config:
    """The configuration of `path`, or of `pipelinedoctor.toml` here; all defaults where neither is there.

    Paths in the file are relative to the file. Raises `ConfigError`.
    """
    file = path or DEFAULT_FILE
    if path is None and not file.exists():
        return Config()
    try:
        config = Config.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ConfigError(f"{file}: no such file; `pipelinedoctor init` writes one") from error
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 at byte {error.start}; save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file}: is not TOML: {error}") from error
    except pydantic.ValidationError as error:
        raise ConfigError(f"{file}: {redact(_first(error, Config))}") from None
    twice = overlap(config.sources)
    if twice is not None:
        at, entry, other = twice
        raise ConfigError(
            f"{file}: sources.{at}.repositories: {entry!r} is in sources.{other} of the same host too; "
            f"take it out of one, or exclude it there: '!{entry}'"
        )
    folder = file.resolve().parent
    report = config.report.model_copy(update={"out": folder / config.report.out})
    places = {"store": folder / config.store, "ignore": config.ignore and folder / config.ignore}
    return config.model_copy(update={**places, "report": report})


def ignore_place(config: Config, file: Path | None) -> Path:
    """The file of ignored findings: the one that the configuration names, else that beside it."""
    return config.ignore or (file or DEFAULT_FILE).absolute().parent / IGNORE_FILE


def query_options(config: Config, kinds: Mapping[str, type[Any]], file: Path | None) -> dict[str, Any]:
    """The options of every question as an instance of its own dataclass; raises `ConfigError`."""
    where = file or DEFAULT_FILE
    for name in config.queries:
        if name not in kinds:
            raise ConfigError(f"{where}: queries.{name}: no such question{_near(name, kinds)}")
    return {
        name: _options(f"{where}: queries.{name}", kind, config.queries.get(name, {})) for name, kind in kinds.items()
    }


def _options(where: str, kind: type[Any], values: Mapping[str, Any]) -> Any:
    known = [field.name for field in dataclasses.fields(kind)]
    for key in values:
        if key not in known:
            raise ConfigError(f"{where}.{key}: no such option{_near(key, known)}")
    try:
        return pydantic.TypeAdapter(kind).validate_python(dict(values))
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        raise ConfigError(f"{where}.{'.'.join(map(str, problem['loc']))}: {_said(problem)}") from error


def _first(error: pydantic.ValidationError, model: type[BaseModel]) -> str:
    problem = _telling(error.errors())
    place = ".".join(str(part) for part in problem["loc"]) or "the file"
    if problem["type"] == "extra_forbidden":
        section: Any = {"sources": SourceSection, "report": ReportSection, "costs": CostsSection}.get(
            str(problem["loc"][0]), model
        )
        inside = model if len(problem["loc"]) == 1 else section
        more = f"; and {len(error.errors()) - 1} more" if len(error.errors()) > 1 else ""
        return f"{place}: no such key{_near(str(problem['loc'][-1]), inside.model_fields)}{more}"
    return f"{place}: {_said(problem)}"


def _telling(problems: list[Any]) -> Any:
    """The first problem; but where a key is missing, one beside it that is not known is most likely the same key."""
    first = problems[0]
    if first["type"] != "missing":
        return first
    beside = (one for one in problems if one["type"] == "extra_forbidden" and one["loc"][:-1] == first["loc"][:-1])
    return next(beside, first)


def _said(problem: Any) -> str:
    given = problem.get("input")
    # Only short scalars are repeated: a whole table says nothing, and a long value might be a secret put in by mistake.
    short = isinstance(given, str | int | float | bool) and len(str(given)) <= _SHORT
    if problem["type"] == "tuple_type":
        if isinstance(given, Mapping):
            return f"is a list of tables; write [[{problem['loc'][-1]}]] in double brackets"
        return f"write a list, as {json.dumps([given if short else '…'], ensure_ascii=False)}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    # What is no name of a variable may be the token itself.
    hidden = not short or str(problem["loc"][-1]).endswith("_env")
    shown = "" if hidden else f" (here: {given!r})"
    return message[0].lower() + message[1:] + shown


def _near(name: str, known: Mapping[str, Any] | list[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1) or [one for one in known if name and one.startswith(name)]
    return f"; did you mean {close[0]!r}?" if close else f"; known are: {', '.join(sorted(known))}"


def sources(config: Config, file: Path | None) -> list[Source]:
    """The sources with their tokens and keys; raises `ConfigError` where there is no source, or what can be no key."""
    where = file or DEFAULT_FILE
    if not config.sources:
        remedy = "add [[sources]]" if where.exists() else "`pipelinedoctor init` writes the file"
        raise ConfigError(f"{where}: sources: nothing to fetch from; {remedy}")
    made = []
    for number, section in enumerate(config.sources):
        try:
            made.append(section.source(os.environ))
        except ValueError as error:
            raise ConfigError(f"{where}: sources.{number}.{error}") from None
    return made


TEMPLATE = """\
# pipelinedoctor reads this file from the directory it is started in, or from --config FILE.
# Every value below is the default, apart from the repositories. Paths are relative to this file.

store = "pipelinedoctor.duckdb"          # the only archive: keep it, forges forget their history
# ignore = "pipelinedoctor-ignore.toml"  # findings that are left for a while: that beside this file, if it is there

[[sources]]                              # may stand several times
forge = "github"                         # or "gitlab": see below
url = "https://api.github.com"           # GitHub Enterprise: "https://github.example.com"
repositories = ["OWNER/NAME"]            # patterns too, and what they are not to take: ["acme/*", "!acme/old-*"]
topics = []                              # with some, a pattern takes only repositories that have one of them
detail = "sampled"                       # of jobs that succeeded at once: "outcomes" reads less, "full" reads all
token_env = "GITHUB_TOKEN"               # the variable that holds a token; the token itself never stands here

# A GitHub App instead of token_env. The variable holds the private key in PEM, or the path of its file.
# app_id = 123456
# installation_id = 7890123
# private_key_env = "APP_PRIVATE_KEY"

# [[sources]]
# forge = "gitlab"
# url = "https://gitlab.com"             # or your own: "https://gitlab.example.com"
# repositories = ["group/subgroup/name", "group/**"]   # ** takes in all groups within
# token_env = "GITLAB_TOKEN"             # right read_api; a variable CI_JOB_TOKEN reads jobs and deployments alone

[report]
out = "pipelinedoctor-report"
formats = ["html", "markdown", "json"]
window = "30d"                           # what findings speak of
trend = "26w"                            # what trends speak of

[costs]
triage_minutes = [5, 10, 28]             # what an interruption takes from a person: low, expected, high
wait_cap_minutes = 60                    # the most that counts as waited for one
# hourly_rate = 85                       # dollars an hour of a person; without it people cost hours only

# [costs.prices]                         # dollars a minute of your own runners, by label; before the shipped table
# "gpu-box" = 0.35

# Options of a question; `pipelinedoctor queries` lists them.
# [queries.flaky_jobs]
"""
