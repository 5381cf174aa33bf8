"""`pipelinedoctor doctor`: what it prints, and how it ends."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelinedoctor.cli import app
from pipelinedoctor.simulate.forge import serve
from pipelinedoctor.store.connection import Store
from tests.helpers.recordings import job, run, write_recording

TOKEN = "ghp_0123456789abcdefghijABCDEFGHIJ012345"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def configured(folder: Path, *urls: str) -> None:
    sections = (f'[[sources]]\nurl = "{url}/"\nrepositories = ["acme/shop"]\n' for url in urls)
    (folder / "pipelinedoctor.toml").write_text("".join(sections), encoding="utf-8")


def ask(*arguments: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(arguments))
    return done.exit_code, done.stdout, done.stderr


def test_a_source_that_can_be_read_ends_with_0(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_recording(here / "recording", [run(1, jobs=[job("test")], created="2026-01-05T12:00:00Z")])
    with serve(folder, token=TOKEN, checks=False) as forge:
        configured(here, forge.url)
        assert ask("fetch", "--since", "2026-01-01", "-q")[0] == 0
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        code, out, err = ask("doctor")
    assert (code, err) == (0, "")
    assert "): can be read\n" in out
    assert "  token     a classic token, of GITHUB_TOKEN\n" in out
    assert "  tried on  acme/shop, 3 requests\n" in out
    assert "  held      Actions: read, Contents: read, Pull requests: read, Deployments: read\n" in out
    assert "  missing   Checks: read (outcomes of jobs cost a request a run, and annotations will be absent)\n" in out
    assert re.search(r"^  limit     [\d,]+ of [\d,]+ requests left until 20\d\d-", out, re.MULTILINE)
    assert "  proxy     none\n" in out
    assert "cacert.pem" in out
    assert re.search(r"pipelinedoctor\.duckdb: [\d.]+ MB\n  127.0.0.1:\d+ read on .* UTC; complete\n$", out)
    assert TOKEN not in out


def test_one_that_cannot_be_read_ends_with_3_and_the_others_are_looked_at(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_recording(here / "recording", [run(1, jobs=[job("test")])])
    with serve(folder) as forge:
        configured(here, "http://127.0.0.1:9", forge.url)
        code, out, _ = ask("doctor")
    assert code == 3
    assert "127.0.0.1:9 (http://127.0.0.1:9/api/v3): cannot be read: no connection (refused)\n" in out
    assert out.count("can be read") == 1
    assert "pipelinedoctor.duckdb: not there yet; `pipelinedoctor fetch` makes it" in out


def test_proxy_and_authorities_are_told_without_a_password(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configured(here, "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://me:pass-word@127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(here / "none.pem"))
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("GITHUB_TOKEN")
    code, out, _ = ask("doctor")
    assert code == 3
    assert "pass-word" not in out
    assert "  proxy     http://127.0.0.1:9\n" in out
    assert "REQUESTS_CA_BUNDLE=" in out
    assert "none.pem: no such file or directory of certificates" in " ".join(out.split())
    assert "  token     none, for GITHUB_TOKEN is not set\n" in out


def test_without_a_token_a_refusal_asks_for_the_variable(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_recording(here / "recording", [run(1, jobs=[job("test")])])
    with serve(folder, token=TOKEN) as forge:
        configured(here, forge.url)
        monkeypatch.delenv("GITHUB_TOKEN")
        code, out, _ = ask("doctor")
    assert code == 3
    assert re.search(r"cannot be read: .*; set GITHUB_TOKEN$", out, re.MULTILINE)
    assert "make a new one" not in out


def test_a_pattern_in_vain_ends_with_3(here: Path) -> None:
    folder = write_recording(here / "recording", [run(1, jobs=[job("test")])])
    with serve(folder) as forge:
        text = f'[[sources]]\nurl = "{forge.url}/"\nrepositories = ["acme/shop", "acme/nope-*"]\n'
        (here / "pipelinedoctor.toml").write_text(text, encoding="utf-8")
        code, out, _ = ask("doctor")
    assert code == 3
    assert "cannot be read: nothing matches acme/nope-*\n" in out


def test_a_store_that_cannot_be_read_is_told_and_changes_no_code(here: Path) -> None:
    folder = write_recording(here / "recording", [run(1, jobs=[job("test")])])
    with serve(folder) as forge:
        configured(here, forge.url)
        with Store.open(here / "pipelinedoctor.duckdb"):
            code, out, _ = ask("doctor")
        assert (code, "already open in this process" in out) == (0, True)
        (here / "pipelinedoctor.duckdb").write_bytes(b"no store")
        code, out, _ = ask("doctor")
    assert (code, "not a DuckDB database" in " ".join(out.split())) == (0, True)


def test_without_a_source_it_is_an_error_of_the_configuration(here: Path) -> None:
    assert ask("doctor")[0] == 2
