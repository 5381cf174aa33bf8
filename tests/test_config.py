"""`pipelinedoctor.toml`: what is taken, and what is said of what is wrong."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelinedoctor import config
from pipelinedoctor.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    file = folder / "pipelinedoctor.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_template_is_a_valid_file_and_holds_the_defaults(tmp_path: Path) -> None:
    read = config.read(written(tmp_path, config.TEMPLATE))
    assert read.sources[0].repositories == ("OWNER/NAME",)
    assert read.sources[0].url == config.SourceSection(repositories=("a/b",)).url
    assert read.store == tmp_path / "pipelinedoctor.duckdb"
    assert read.report.model_copy(update={"out": Path("pipelinedoctor-report")}) == config.ReportSection()


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    read = config.read(written(tmp_path, 'store = "s.duckdb"\n[report]\nout = "/elsewhere"\n'))
    assert read.store == tmp_path / "s.duckdb"
    assert read.report.out == Path("/elsewhere")


def test_without_a_file_all_is_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert config.read(None) == config.Config()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('stor = "x"', ["stor:", "did you mean 'store'?"]),
        ('[[sources]]\nrepositories = ["a/b"]\ntokenenv = "X"', ["sources.0.tokenenv", "'token_env'"]),
        (
            '[[sources]]\nrepositories = ["nonsense"]',
            ["sources.0.repositories", "'nonsense' is no repository", "owner/name"],
        ),
        ("[[sources]]\nrepositories = []", ["sources.0.repositories", "at least 1"]),
        ('[[sources]]\nforge = "gitlab"\nrepositories = ["a/b"]', ["sources.0.forge", "'github'", "here: 'gitlab'"]),
        ('[[sources]]\nurl = "ftp://x"\nrepositories = ["a/b"]', ["sources.0.url", "https://HOST"]),
        ('[[sources]]\nurl = "https://me:pw@x"\nrepositories = ["a/b"]', ["sources.0.url", "no user name"]),
        ('[report]\nformats = ["pdf"]', ["report.formats.0", "'html', 'markdown' or 'json'"]),
        ('[report]\nwindow = "3"', ["report.window", "'3' is no span of time", "for example 90d"]),
        ('[report]\ntrend = "0w"', ["report.trend", "longer than nothing"]),
        ("store = x", ["is not TOML", "line 1"]),
    ],
)
def test_a_wrong_key_or_value_is_named_with_a_remedy(tmp_path: Path, text: str, said: list[str]) -> None:
    file = written(tmp_path, text)
    with pytest.raises(ConfigError) as raised:
        config.read(file)
    message = str(raised.value)
    assert message.startswith(f"{file}: ")
    assert "\n" not in message
    for part in said:
        assert part in message


def test_a_missing_file_tells_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pipelinedoctor init"):
        config.read(tmp_path / "absent.toml")


def test_a_file_that_is_no_text_is_told_so(tmp_path: Path) -> None:
    file = tmp_path / "pipelinedoctor.toml"
    file.write_bytes(b'store = "\xff\xfe"')
    with pytest.raises(ConfigError, match="UTF-8"):
        config.read(file)


def test_a_long_value_is_not_repeated_for_it_may_be_a_secret(tmp_path: Path) -> None:
    secret = "s" * 60
    with pytest.raises(ConfigError) as raised:
        config.read(written(tmp_path, f'[[sources]]\nforge = "{secret}"\nrepositories = ["a/b"]'))
    assert secret not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "host", "api"),
    [
        ("https://api.github.com", "github.com", "https://api.github.com"),
        ("https://ghe.example.com", "ghe.example.com", "https://ghe.example.com/api/v3"),
        ("https://ghe.example.com/api/v3/", "ghe.example.com", "https://ghe.example.com/api/v3"),
        ("http://127.0.0.1:8080/api/v3", "127.0.0.1:8080", "http://127.0.0.1:8080/api/v3"),
    ],
)
def test_the_url_gives_host_and_api(url: str, host: str, api: str) -> None:
    source = config.SourceSection(url=url, repositories=("a/b",)).source({"GITHUB_TOKEN": "t"})
    assert (source.host, source.url) == (host, api)


def test_a_token_comes_from_the_environment_and_is_not_shown() -> None:
    source = config.SourceSection(repositories=("a/b",), token_env="MINE").source({"MINE": "very-secret"})
    assert source.token == "very-secret"
    assert "very-secret" not in repr(source)
    assert config.SourceSection(repositories=("a/b",)).source({"GITHUB_TOKEN": ""}).token is None


def test_no_sources_is_an_error_that_tells_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"add \[\[sources\]\]"):
        config.sources(config.Config(), written(tmp_path, ""))


@dataclass(frozen=True)
class Options:
    """Options of an invented question."""

    min_jobs: int = 3
    share: float = 0.5


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"flaky": {}}, "queries.flaky: no such question; did you mean 'flaky_jobs'?"),
        ({"flaky_jobs": {"minjobs": 1}}, "queries.flaky_jobs.minjobs: no such option; did you mean 'min_jobs'?"),
        ({"flaky_jobs": {"min_jobs": "many"}}, "queries.flaky_jobs.min_jobs: input should be a valid integer"),
    ],
)
def test_wrong_options_of_a_question_are_named(values: dict[str, dict[str, object]], said: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config.query_options(config.Config(queries=values), {"flaky_jobs": Options}, None)
    assert said in str(raised.value)


def test_options_become_an_instance_of_the_questions_own_class() -> None:
    given = config.Config(queries={"flaky_jobs": {"min_jobs": 7}})
    assert config.query_options(given, {"flaky_jobs": Options, "other": Options}, None) == {
        "flaky_jobs": Options(min_jobs=7),
        "other": Options(),
    }
