"""No secret in anything that is written: secrets of many kinds in all that a forge and an environment can say.

The real command reads a forge on the loopback address, in a process of its own; then each byte that it wrote is looked at.
"""

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

import duckdb
import pytest

from pipelinedoctor.simulate.answers import dump
from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.blobs import Blobs
from pipelinedoctor.simulate.recording import Recording
from pipelinedoctor.simulate.routes import Api
from pipelinedoctor.simulate.sent import Sent
from pipelinedoctor.simulate.server import ApiSide, Asked, BlobSide, Ledger, Server
from tests.helpers import gitlab_secrets
from tests.helpers.bodies import Body
from tests.helpers.deliveries import annotations, deployment, pull, release, tag
from tests.helpers.recordings import Job, Run, commit, job, run, write_recording
from tests.helpers.secrets import KINDS, Planted

START = datetime(2026, 1, 5, tzinfo=UTC)
CLOSED = [f"acme/closed-{at}" for at in range(len(KINDS))]
"""Repositories that are refused, each with a secret in the reason."""


@dataclass(frozen=True, slots=True)
class Planting:
    """Writes a history in which each thing that has a name has a secret in it."""

    planted: Planted

    def write(self, folder: Path) -> Path:
        runs = [self._run(at, kind) for at, kind in enumerate(KINDS, 1)]
        stamps = {kind: f"2026-01-{at % 28 + 1:02d}T10:00:00Z" for at, kind in enumerate(KINDS)}
        say = self.planted.secret
        delivered: dict[str, list[Body]] = {
            "pulls": [
                pull(
                    at,
                    created=stamps[kind],
                    body={"title": say(kind, "change title"), **self._sides(kind)},
                )
                for at, kind in enumerate(KINDS, 1)
            ],
            "deployments": [
                deployment(at, say(kind, "environment name"), created=stamps[kind], ref=say(kind, "deployed branch"))
                for at, kind in enumerate(KINDS, 1)
            ],
            "releases": [self._release(kind, stamps[kind]) for kind in KINDS],
            "tags": [tag(say(kind, "tag"), f"{at:040x}") for at, kind in enumerate(KINDS, 1)],
            "annotations": [self._annotation(at, kind) for at, kind in enumerate(KINDS, 1)],
        }
        for line in delivered["deployments"]:
            line["deployment"] |= {"task": say("GitHub classic", "task"), "description": say("npm", "description")}
        commits = [
            commit(f"c{at:039x}", stamps[kind], message=say(kind, "commit subject")) for at, kind in enumerate(KINDS)
        ]
        about = {
            "description": say("Slack", "description of the repository"),
            "homepage": say("user in URL", "homepage"),
            "default_branch": f"main-{say('GitHub classic', 'default branch')}",
        }
        return write_recording(folder, runs, commits=commits, delivered=delivered, repositories={"acme/shop": about})

    def _sides(self, kind: str) -> Body:
        say = self.planted.secret
        refs = {"head": say(kind, "head of change"), "base": say(kind, "base of change")}
        place: Body = {"user": None, "repo": None, "sha": "a" * 40}
        return {side: {**place, "label": f"acme:{ref}", "ref": ref} for side, ref in refs.items()}

    def _release(self, kind: str, at: str) -> Body:
        line = release(self.planted.secret(kind, "tag of release"), at)
        tag_name = line["release"]["tag_name"]
        line["release"]["name"] = self.planted.secret(kind, "release name")
        line["release"]["html_url"] = f"https://github.com/acme/shop/releases/tag/{quote(tag_name, safe='')}"
        return line

    def _annotation(self, at: int, kind: str) -> Body:
        say = self.planted.secret
        line = annotations(at * 1000, say(kind, "annotation"))
        for one in line["annotations"]:
            one |= {"title": say(kind, "annotation title"), "path": say(kind, "annotation path")}
        return line

    def _run(self, at: int, kind: str) -> Run:
        say = self.planted.secret
        body = {
            "display_title": say(kind, "run title"),
            "name": say(kind, "workflow name"),
            "path": f".github/workflows/{self._file_name(kind)}.yml",
            "head_commit": {
                "id": f"{at:040x}",
                "message": say(kind, "head commit"),
                "author": {"name": say(kind, "author")},
            },
        }
        name = f"test ({say(kind, 'job name')})"
        step = {"name": say(kind, "step name"), "status": "completed", "conclusion": "failure", "number": 1}
        more = {"labels": [say(kind, "label")], "runner_name": say(kind, "runner")}
        failed = job(name, "failure", log=self._log(kind), steps=[step], body=more)
        jobs: list[Job] = [failed, job(name, attempt=2, body=more)] if at % 2 else [failed]
        artifacts = {
            f"junit-{say(kind, 'artifact name')}": {"report.xml": self._report(kind)},
            f"tests {say(kind, 'artifact that is broken')}": {f"{say(kind, 'file name')}.xml": "<testsuite"},
        }
        return run(
            at,
            jobs=jobs,
            created=START + at * timedelta(hours=9),
            branch=say(kind, "branch"),
            body=body,
            artifacts=artifacts,
        )

    def _file_name(self, kind: str) -> str:
        name = self.planted.secret(kind, "workflow path")
        return name if not set(name) & set("/@ ") else "ci"

    def _log(self, kind: str) -> str:
        say = self.planted.secret
        key = say("private key", "log of many lines").replace("-----", "-----\n", 2).replace("\n\n", "\n")
        lines = [
            f"export X='{say(kind, 'log before')}'",
            key,
            f"##[error]Error: cannot log in with {say(kind, 'log line')}",
            f'{{"x": "{say(kind, "log in JSON")}"}}',
            "##[error]Process completed with exit code 1.",
        ]
        return "".join(f"2026-01-05T12:00:00.0000000Z {line}\n" for line in "\n".join(lines).splitlines())

    def _report(self, kind: str) -> str:
        say = self.planted.secret
        return (
            f"<testsuites><testsuite name={quoteattr(say(kind, 'suite'))}>"
            f"<properties><property name='token' value={quoteattr(say(kind, 'property'))}/></properties>"
            f"<testcase classname={quoteattr(say(kind, 'test class'))} name={quoteattr(say(kind, 'test name'))}>"
            f"<failure message={quoteattr(say(kind, 'test message'))}>{escape(say(kind, 'test detail'))}</failure>"
            f"<system-out>{escape(say(kind, 'test output'))}</system-out></testcase></testsuite></testsuites>"
        )


@dataclass(slots=True)
class Telling:
    """The forge's two sides, with secrets in headers, in reasons for refusals and in signed addresses."""

    planted: Planted
    api: ApiSide
    blobs: BlobSide
    faults: Counter[str] = field(default_factory=Counter)

    def of_api(self, asked: Asked) -> tuple[str, Sent]:
        headers = {f"X-Debug-{at}": self.planted.secret(kind, "header") for at, kind in enumerate(KINDS)}
        path = asked.path.removeprefix("/api/v3")
        for at, name in enumerate(CLOSED):
            if path.startswith(f"/repos/{name}"):
                body = {"message": f"Refused: {self.planted.secret(KINDS[at], 'error body')}"}
                return "closed", Sent((403, 422)[at % 2], dump(body), {"Content-Type": "application/json", **headers})
        route, sent = self.api(asked)
        mine = {**sent.headers, **headers}
        if "Location" in mine:
            more = [f"token={self.planted.secret('GitHub app', 'signed address')}"]
            more += [
                f"X-Amz-{name}={self.planted.secret('AWS secret', name)[22:]}" for name in ("Signature", "Credential")
            ]
            mine["Location"] += "&" + "&".join(more)
            self.planted.cores["signature", mine["Location"]] = mine["Location"].partition("sig=")[2][:64]
        if "ETag" in mine:
            mine["ETag"] = f'W/"{self.planted.secret("GitHub classic", "tag of an answer")}"'
        return route, replace(sent, headers=mine)

    def of_blobs(self, asked: Asked) -> tuple[str, Sent]:
        self.faults[asked.path] += 1
        route, sent = self.blobs(asked)
        if asked.path == "/logs/2000":
            return route, Sent(403, self.planted.secret("Azure signature", "refused blob").encode(), {})
        if asked.path == "/logs/4000" and self.faults[asked.path] == 1:
            return route, replace(sent, cut=True)
        return route, sent


@contextmanager
def told(folder: Path, planted: Planted, token: str, _: list[str]) -> Iterator[str]:
    """Serve a recording; the URL of its API."""
    ledger = Ledger(1_000_000)
    recording = Recording.open(folder)
    with Server(ledger) as api, Server(ledger) as blobs:
        kept = Blobs(Attachments.of(recording), blobs.url)
        telling = Telling(planted, ApiSide(Api(recording, api.url, kept), ledger, token), BlobSide(kept))
        api.side, blobs.side = telling.of_api, telling.of_blobs
        threads = [threading.Thread(target=server.serve_forever, args=(0.01,)) for server in (api, blobs)]
        for thread in threads:
            thread.start()
        try:
            yield api.url
        finally:
            for server in (api, blobs):
                server.shutdown()
            for thread in threads:
                thread.join()


@dataclass(frozen=True, slots=True)
class Made:
    """The directory that a night of a forge was run in, and what was planted."""

    forge: str
    folder: Path
    planted: Planted


_Write = Callable[[Planted, Path], Path]
_Serve = Callable[[Path, Planted, str, list[str]], AbstractContextManager[str]]
FORGES: Mapping[str, tuple[_Write, _Serve]] = {
    "github": (lambda planted, folder: Planting(planted).write(folder), told),
    "gitlab": (lambda planted, folder: gitlab_secrets.Planting(planted).write(folder), gitlab_secrets.told),
}
"""By forge, who writes a history full of secrets, and who serves it."""


@pytest.fixture(scope="module", params=list(FORGES))
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two nights and a look by the doctor, with all that they said in files."""
    planted = Planted()
    write, serve = FORGES[request.param]
    recording = write(planted, tmp_path_factory.mktemp("recording"))
    here = tmp_path_factory.mktemp("night")
    token = planted.secret("GitHub app", "token of the source")
    environment = {f"SECRET_{at}": planted.secret(kind, "environment") for at, kind in enumerate(KINDS)}
    environment |= {"THE_TOKEN": token, "NO_PROXY": "127.0.0.1", "CI": "true"}
    environment["HTTPS_PROXY"] = planted.secret("user in URL", "proxy")
    with serve(recording, planted, token, CLOSED) as url:
        names = json.dumps(["acme/shop", *CLOSED])
        config = (
            f'[[sources]]\nforge = "{request.param}"\nurl = "{url}/"\ntoken_env = "THE_TOKEN"\nrepositories = {names}\n'
        )
        (here / "pipelinedoctor.toml").write_text(config, encoding="utf-8")
        nightly = ["nightly", "--since", "2026-01-01", "--as-of", "2026-01-20", "--verbose"]
        for name, arguments in {"first": nightly, "second": nightly, "doctor": ["doctor", "--verbose"]}.items():
            done = subprocess.run(
                [sys.executable, "-m", "pipelinedoctor", *arguments],
                cwd=here,
                env={**os.environ, **environment},
                capture_output=True,
                check=False,
            )
            (here / f"{name}.stdout").write_bytes(done.stdout)
            (here / f"{name}.stderr").write_bytes(done.stderr)
            assert done.returncode == 0, done.stderr[-2000:]
    dump_tables(here)
    return Made(request.param, here, planted)


def dump_tables(here: Path) -> None:
    """What the store holds as text: in the file it may be compressed."""
    with duckdb.connect(here / "pipelinedoctor.duckdb", read_only=True) as connection:
        for (name,) in connection.sql("SELECT table_name FROM information_schema.tables").fetchall():
            relation = connection.sql(f"SELECT * FROM {name}")
            rows = [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]
            text = "\n".join(json.dumps(row, default=str, ensure_ascii=False) for row in rows)
            (here / f"{name}.table").write_text(text, encoding="utf-8")


def test_no_byte_of_a_secret_is_written(made: Made) -> None:
    files = [file for file in made.folder.rglob("*") if file.is_file()]
    names = {file.name for file in files}
    assert {
        "pipelinedoctor.duckdb",
        "report.html",
        "report.json",
        "Home.md",
        "first.stderr",
        "sync_state.table",
    } <= names
    leaks = {file.name: made.planted.found(file.read_bytes()) for file in files}
    assert {name: found for name, found in leaks.items() if found} == {}


BOTH = {
    "changes": ("title", "head", "base"),
    "commits": ("subject",),
    "deployments": ("environment",),
    "failures": ("line", "excerpt", "masked"),
    "fetch_gaps": ("subject",),
    "jobs": ("name", "labels", "runner"),
    "releases": ("tag", "name"),
    "repositories": ("default_branch",),
    "runs": ("branch", "pipeline", "pipeline_name"),
    "tags": ("name",),
    "test_results": ("test", "suite", "message", "detail"),
}
ONE = {
    "github": {
        "annotations": ("title", "message", "path"),
        "deployments": ("task",),
        "failures": ("step",),
        "fetch_gaps": ("reason",),
        "runs": ("title",),
        "steps": ("name",),
    },
    "gitlab": {"environments": ("name", "tier", "url"), "jobs": ("stage", "failure_reason"), "runs": ("event",)},
}


def test_what_was_planted_came_there_and_was_taken_out(made: Made) -> None:
    columns = [(table, one) for some in (BOTH, ONE[made.forge]) for table, names in some.items() for one in names]
    kept = []
    for table, column in columns:
        lines = (made.folder / f"{table}.table").read_text(encoding="utf-8").splitlines()
        values: list[Any] = [json.loads(line)[column] for line in lines]
        if not any("redacted:" in (value or "") for value in values):
            kept.append((table, column))
    assert kept == []


def test_the_places_of_planting_are_many(made: Made) -> None:
    assert len(KINDS) >= 12
    assert len({place for _, place in made.planted.cores}) >= 30
