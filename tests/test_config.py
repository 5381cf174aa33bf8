"""`pipelinedoctor.toml`: what is taken, and what is said of what is wrong."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from pipelinedoctor import config
from pipelinedoctor.errors import ConfigError
from pipelinedoctor.fetch.interface import AppKey, Level
from pipelinedoctor.sources import SourceSection

APP = 'app_id = 1\ninstallation_id = 2\nprivate_key_env = "KEY"\n'
PEM = "-----BEGIN RSA PRIVATE KEY-----\nvery-secret\n-----END RSA PRIVATE KEY-----"


def written(folder: Path, text: str) -> Path:
    file = folder / "pipelinedoctor.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_template_is_a_valid_file_and_holds_the_defaults(tmp_path: Path) -> None:
    read = config.read(written(tmp_path, config.TEMPLATE))
    assert read.sources[0].repositories == ("OWNER/NAME",)
    assert read.sources[0].url == SourceSection(repositories=("a/b",)).url
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
        ('[[sources]]\nforge = "gitea"\nrepositories = ["a/b"]', ["sources.0.forge", "'github'", "here: 'gitea'"]),
        ('[[sources]]\nforge = []\nrepositories = ["a/b"]', ["sources.0.forge", "'github' or 'gitlab'"]),
        ('[[sources]]\nrepositories = ["a/b/c"]', ["sources.0.repositories", "'a/b/c' is no repository"]),
        ('[[sources]]\nrepositories = ["*/b"]', ["sources.0.repositories", "begins with the name of an owner"]),
        ('[[sources]]\nrepositories = ["a/b", "!a/b"]', ["sources.0.repositories", "all of them are excluded"]),
        ('[[sources]]\nrepositories = ["a/b"]\ntopics = ["ci"]', ["sources.0: topics:", "add one as owner/*"]),
        ('[[sources]]\nrepositories = ["a/b"]\ndetail = "all"', ["sources.0.detail", "'sampled' or 'full'"]),
        ('[[sources]]\nurl = "ftp://x"\nrepositories = ["a/b"]', ["sources.0.url", "https://HOST"]),
        ('[[sources]]\nurl = "https://me:pw@x"\nrepositories = ["a/b"]', ["sources.0.url", "no user name"]),
        ('[[sources]]\nurl = "http://ghe.example.com"\nrepositories = ["a/b"]', ["sources.0.url", "reads the token"]),
        (
            '[[sources]]\nforge = "gitlab"\nurl = "gitlab.example.com"\nrepositories = ["a/b"]',
            ["sources.0.url", "https://gitlab.HOST"],
        ),
        ('[[sources]]\nrepositories = ["a/b"]\napp_id = 1', ["sources.0: installation_id: is missing"]),
        (
            f'[[sources]]\nrepositories = ["a/b"]\n{APP}token_env = "GITHUB_TOKEN"',
            ["sources.0: token_env:", "take one of token_env and app_id away"],
        ),
        (f'[[sources]]\nforge = "gitlab"\nrepositories = ["a/b"]\n{APP}', ["sources.0: app_id: only GitHub"]),
        ('[[sources]]\nrepositories = "a/b"', ['sources.0.repositories: write a list, as ["a/b"]']),
        (f'[[sources]]\nrepositories = "{"a/b, " * 20}"', ['sources.0.repositories: write a list, as ["…"]']),
        ('[report]\nformats = "html"', ['report.formats: write a list, as ["html"]']),
        ('[sources]\nrepositories = ["a/b"]', ["sources: is a list of tables; write [[sources]]"]),
        (
            '[[sources]]\nrepos = ["a/b"]',
            ["sources.0.repos: no such key; did you mean 'repositories'?; and 1 more"],
        ),
        (
            '[[sources]]\nprojects = ["a/b"]\nnonsense = 1',
            ["sources.0.projects: no such key; known are: app_id, ", "; and 2 more"],
        ),
        (
            '[[sources]]\nurl = "https://x"\n[[sources]]\nrepositories = ["a/b"]\ntokenenv = "X"',
            ["sources.0.repositories: field required"],
        ),
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


TOKENS = [
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "gho_abcdefghijklmnopqrstuvwxyz0123456789",
    "ghs_cutshort",
    "github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuvwxyz",
    "glpat-abcdefghijklmnop0123",
    "glptt-cut",
    "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3",
    "Ab3xQ9zLm2Kp7RtW4vYs",
    "two words",
    "1ST_TOKEN",
    "$GITHUB_TOKEN",
    "GITHUB_TOKEN\\n",
    "",
]


@pytest.mark.parametrize("pasted", TOKENS)
def test_a_token_in_place_of_its_variable_is_refused_and_not_shown(tmp_path: Path, pasted: str) -> None:
    file = written(tmp_path, f'[[sources]]\nrepositories = ["a/b"]\ntoken_env = "{pasted}"\n')
    with pytest.raises(ConfigError) as raised:
        config.read(file)
    said = "is the name of the variable that holds the token, not the token itself"
    assert str(raised.value) == f"{file}: sources.0.token_env: {said}"


@pytest.mark.parametrize("pasted", ["ghp_abcdefghijklmnopqrstuvwxyz0123456789", PEM.replace("\n", "\\n"), "./app.pem"])
def test_a_key_in_place_of_its_variable_is_refused_and_not_shown(tmp_path: Path, pasted: str) -> None:
    file = written(tmp_path, f'[[sources]]\nrepositories = ["a/b"]\n{APP.replace("KEY", pasted)}')
    with pytest.raises(ConfigError) as raised:
        config.read(file)
    said = "is the name of the variable that holds the private key, not the key itself"
    assert str(raised.value) == f"{file}: sources.0.private_key_env: {said}"


@pytest.mark.parametrize(
    "name", ["GITHUB_TOKEN", "CI_JOB_TOKEN", "_t", "GHP_TOKEN", "ACME_K8S_S3_EU1_TOKEN", "gitlab_token_2", "SecretOfCI"]
)
def test_what_names_a_variable_is_taken(name: str) -> None:
    assert SourceSection(repositories=("a/b",), token_env=name).token_env == name


@pytest.mark.parametrize(
    "text",
    [
        '[[sources]]\nrepositories = ["TOKEN"]',
        '[[sources]]\nrepositories = "TOKEN"',
        '[[sources]]\nrepositories = ["a/b"]\napp_id = "TOKEN"',
        '[[sources]]\nrepositories = ["a/b"]\nTOKEN = 1',
        '[[sources]]\nrepositories = ["a/b"]\ntoken = "TOKEN"',
        'store = 1\n[[sources]]\nrepositories = ["a/b"]\nforge = "TOKEN"',
    ],
)
def test_a_token_in_any_other_place_is_not_shown(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config.read(written(tmp_path, text.replace("TOKEN", TOKENS[0])))
    assert TOKENS[0] not in str(raised.value)


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
    source = SourceSection(url=url, repositories=("a/b",)).source({"GITHUB_TOKEN": "t"})
    assert (source.host, source.url) == (host, api)


def test_a_token_comes_from_the_environment_and_is_not_shown() -> None:
    source = SourceSection(repositories=("a/b",), token_env="MINE").source({"MINE": "very-secret"})
    assert source.token == "very-secret"
    assert "very-secret" not in repr(source)
    assert SourceSection(repositories=("a/b",)).source({"GITHUB_TOKEN": ""}).token is None


def test_a_token_without_what_no_token_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = config.read(written(tmp_path, '[[sources]]\nrepositories = ["a/b"]\n'))
    monkeypatch.setenv("GITHUB_TOKEN", " very-secret\n")
    assert config.sources(read, None)[0].token == "very-secret"
    monkeypatch.setenv("GITHUB_TOKEN", "very-secret\nX-Other: 1")
    with pytest.raises(ConfigError, match=r"sources\.0\.token_env: GITHUB_TOKEN holds characters") as raised:
        config.sources(read, None)
    assert "very-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("url", "host", "api"),
    [
        ("https://gitlab.com", "gitlab.com", "https://gitlab.com"),
        ("https://Git.Example.com:8443/", "git.example.com:8443", "https://Git.Example.com:8443"),
        ("https://example.com/gitlab/api/v4", "example.com", "https://example.com/gitlab"),
        ("http://[::1]:8080", "[::1]:8080", "http://[::1]:8080"),
        ("http://localhost:8080", "localhost:8080", "http://localhost:8080"),
    ],
)
def test_a_gitlab_is_a_source_with_defaults_of_its_own(url: str, host: str, api: str) -> None:
    section = SourceSection(forge="gitlab", url=url, repositories=("a/b/c", "a/**"), topics=("ci",))
    source = section.source({"GITLAB_TOKEN": "t", "GITHUB_TOKEN": "other"})
    assert (source.forge, source.host, source.url, source.token) == ("gitlab", host, api, "t")
    assert (source.repositories, source.topics, source.job_token) == (("a/b/c", "a/**"), ("ci",), False)
    assert SourceSection(forge="gitlab", repositories=("a/b",)).url == "https://gitlab.com"


def test_a_job_token_is_known_by_the_name_of_its_variable() -> None:
    source = SourceSection(forge="gitlab", repositories=("a/b",), token_env="CI_JOB_TOKEN").source(
        {"CI_JOB_TOKEN": "t"}
    )
    assert (source.token, source.job_token) == ("t", True)


def test_how_much_is_read_is_said_for_each_source(tmp_path: Path) -> None:
    read = config.read(written(tmp_path, '[[sources]]\nrepositories = ["a/b"]\ndetail = "full"\n'))
    assert read.sources[0].detail is Level.FULL
    assert SourceSection(repositories=("a/b",)).detail is Level.SAMPLED


@pytest.mark.parametrize("held", [PEM, PEM.replace("\n", "\\n"), "the path of a file"])
def test_the_key_of_an_app_is_in_the_variable_or_in_the_file_it_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: str
) -> None:
    read = config.read(written(tmp_path, f'[[sources]]\nrepositories = ["a/b"]\n{APP}'))
    (tmp_path / "app.pem").write_text(PEM, encoding="utf-8")
    monkeypatch.setenv("KEY", held if held.startswith("-") else str(tmp_path / "app.pem"))
    monkeypatch.setenv("GITHUB_TOKEN", "not taken")
    (source,) = config.sources(read, None)
    assert source.app == AppKey(app_id=1, installation_id=2, private_key=PEM)
    assert source.token is None
    assert "very-secret" not in repr(source)


@pytest.mark.parametrize(
    ("held", "said"),
    [
        ("", "KEY is not set; it holds the App's private key or the path of its file"),
        ("c2VjcmV0", "KEY holds neither a private key in PEM nor the path of a file that can be read"),
        ("c2VjcmV0" * 4_000, "KEY holds neither a private key in PEM"),
        ("pipelinedoctor.toml", "the file that KEY names holds no private key in PEM"),
    ],
)
def test_what_can_be_no_key_is_told_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: str, said: str
) -> None:
    file = written(tmp_path, f'[[sources]]\nrepositories = ["a/b"]\n{APP}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEY", held)
    with pytest.raises(ConfigError) as raised:
        config.sources(config.read(file), file)
    assert str(raised.value).startswith(f"{file}: sources.0.private_key_env: {said}")
    assert "c2VjcmV0" not in str(raised.value)


def two(first: str, second: str) -> str:
    return "".join(f"[[sources]]\n{each}\n" for each in (first, second))


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ('repositories = ["a/b"]', 'repositories = ["x/y", "A/B"]', "sources.1.repositories: 'A/B' is in sources.0"),
        ('repositories = ["a/b"]', 'repositories = ["a/*"]', "sources.0.repositories: 'a/b' is in sources.1"),
        ('repositories = ["a/*"]', 'repositories = ["a/web-*"]', "sources.1.repositories: 'a/web-*' is in sources.0"),
        (
            'repositories = ["a/*"]\ntopics = ["ci"]',
            'repositories = ["a/*"]\ntopics = ["CI", "prod"]',
            "sources.1.repositories: 'a/*' is in sources.0",
        ),
        (
            'forge = "gitlab"\nrepositories = ["g/s/**"]',
            'forge = "gitlab"\nurl = "https://GITLAB.com"\nrepositories = ["g/**"]',
            "sources.0.repositories: 'g/s/**' is in sources.1",
        ),
    ],
)
def test_no_repository_is_in_two_sources(tmp_path: Path, first: str, second: str, said: str) -> None:
    file = written(tmp_path, two(first, second))
    with pytest.raises(ConfigError) as raised:
        config.read(file)
    assert str(raised.value).startswith(f"{file}: {said} of the same host too; take it out of one, or exclude it there")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ('repositories = ["a/b"]', 'repositories = ["a/c"]'),
        ('repositories = ["a/b"]', 'repositories = ["a/*", "!a/b"]'),
        ('repositories = ["a/b"]', 'repositories = ["a/b"]\nurl = "https://ghe.example.com"'),
        ('repositories = ["a/*"]\ntopics = ["ci"]', 'repositories = ["a/*"]\ntopics = ["prod"]'),
        ('repositories = ["a/*"]\ntopics = ["ci"]', 'repositories = ["a/b"]'),
    ],
)
def test_what_may_lie_apart_is_let_be(tmp_path: Path, first: str, second: str) -> None:
    assert len(config.read(written(tmp_path, two(first, second))).sources) == 2


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


@pytest.mark.parametrize(
    "url",
    [
        "http://:hunter2pw@127.0.0.1:9",
        "https://me:hunter2pw@gl.example.com",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:abc",
        "https://a b/c",
        "https://x/#f",
    ],
)
def test_an_address_that_is_more_than_one_is_refused_and_shows_no_password(tmp_path: Path, url: str) -> None:
    file = tmp_path / "pipelinedoctor.toml"
    file.write_text(f'[[sources]]\nurl = "{url}"\nrepositories = ["a/b"]\n', encoding="utf-8")
    with pytest.raises(ConfigError, match="with no user name and no query") as told:
        config.read(file)
    assert "hunter2pw" not in str(told.value)


def test_what_costs_rest_on_can_be_configured(tmp_path: Path) -> None:
    text = '[costs]\ntriage_minutes = [1, 2, 3]\nwait_cap_minutes = 0\nhourly_rate = 85\n[costs.prices]\n"gpu-box" = 0.35\n'
    costs = config.read(written(tmp_path, text)).costs
    assert (costs.triage_minutes, costs.wait_cap_minutes, costs.hourly_rate) == ((1, 2, 3), 0, 85)
    assert costs.prices == {"gpu-box": 0.35}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "triage_minutes = [28, 10, 5]",
            "costs.triage_minutes: minutes of triage, low, expected and high in this order",
        ),
        ("triage_minutes = [5, 10]", "costs.triage_minutes.2: field required"),
        ("hourly_rate = 0", "costs.hourly_rate: input should be greater than 0"),
        ("wait_cap_minutes = -1", "costs.wait_cap_minutes: input should be greater than or equal to 0"),
        ("prices = { gpu = -1 }", "costs.prices.gpu: input should be greater than or equal to 0"),
        ("hourly = 85", "costs.hourly: no such key; did you mean 'hourly_rate'?"),
    ],
)
def test_costs_that_cannot_be_are_told_by_their_key(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as raised:
        config.read(written(tmp_path, f"[costs]\n{text}\n"))
    assert said in str(raised.value)


def test_the_file_of_ignored_findings_lies_beside_the_configuration(tmp_path: Path) -> None:
    for text, place in (("", "pipelinedoctor-ignore.toml"), ('ignore = "a/b.toml"', "a/b.toml")):
        file = written(tmp_path, text)
        assert config.ignore_place(config.read(file), file) == tmp_path / place
