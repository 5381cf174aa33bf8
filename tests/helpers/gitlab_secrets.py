"""A GitLab in whose history each thing that has a name has a secret in it, and which tells secrets beside it."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import escape, quoteattr

from pipelinedoctor.simulate.gitlab.attachments import Archives
from pipelinedoctor.simulate.gitlab.recording import GitLabRecording
from pipelinedoctor.simulate.gitlab.routes import GitLabApi
from pipelinedoctor.simulate.gitlab.server import MINUTE, GitLabSide
from pipelinedoctor.simulate.sent import Sent
from pipelinedoctor.simulate.server import Asked, BlobSide, Ledger, Server
from tests.helpers.bodies import Body
from tests.helpers.gitlab_recordings import Pipeline, case, change, deployment, job, pipeline, write_gitlab
from tests.helpers.secrets import KINDS, Planted

START = datetime(2026, 1, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Planting:
    """Writes such a history."""

    planted: Planted

    def write(self, folder: Path) -> Path:
        """The recording of it."""
        say = self.planted.secret
        shas = [f"c{at:039x}" for at in range(8)]
        about = {
            "description": say("Slack", "description of the project"),
            "default_branch": f"main-{say('GitHub classic', 'default branch')}",
            "topics": [say("npm", "topic")],
        }
        stamps = {kind: f"2026-01-{at % 14 + 5:02d}T10:00:00Z" for at, kind in enumerate(KINDS)}
        write_gitlab(
            folder,
            [self._pipeline(at, kind) for at, kind in enumerate(KINDS, 1)],
            changes=[self._change(at, kind, stamps[kind]) for at, kind in enumerate(KINDS, 1)],
            deployments=[self._deployment(at, kind, stamps[kind]) for at, kind in enumerate(KINDS, 1)],
            commits=shas,
            tags={say(kind, "tag"): shas[at % 8] for at, kind in enumerate(KINDS)},
            projects={"acme/shop": about},
        )
        for name, key in {"commits": "message", "releases": "name"}.items():
            self._rewrite(folder / f"{name}.jsonl", name.removesuffix("s"), key)
        return folder

    def _rewrite(self, file: Path, what: str, key: str) -> None:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for at, line in enumerate(lines):
            line[what][key] = self.planted.secret(KINDS[at % len(KINDS)], f"{key} of {what}")
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")

    def _change(self, at: int, kind: str, stamp: str) -> Body:
        say = self.planted.secret
        told = {
            "title": say(kind, "change title"),
            "description": say(kind, "description of change"),
            "source_branch": say(kind, "head of change"),
            "target_branch": say(kind, "base of change"),
            "labels": [say(kind, "label of change")],
        }
        notes = [{"body": say(kind, "note"), "created_at": stamp}]
        return change(at, created=stamp, merged=None, state="opened", commits=[f"{at:040x}"], notes=notes, body=told)

    def _deployment(self, at: int, kind: str, stamp: str) -> Body:
        line = deployment(
            at,
            environment=self.planted.secret(kind, "environment name"),
            created=stamp,
            updated=stamp,
            sha=f"{at:040x}",
        )
        line["deployment"]["ref"] = self.planted.secret(kind, "deployed branch")
        return line

    def _pipeline(self, at: int, kind: str) -> Pipeline:
        say = self.planted.secret
        name = f"test: [{say(kind, 'job name')}]"
        more: dict[str, Any] = {
            "tag_list": [say(kind, "label")],
            "runner": {"id": 1, "description": say(kind, "runner")},
            "stage": say(kind, "stage"),
            "commit": {"id": f"{at:040x}", "message": say(kind, "head commit"), "author_name": say(kind, "author")},
        }
        files = {f"{say(kind, 'file name')}.xml": "<testsuite", "report.xml": self._report(kind)}
        failed = job(
            name, "failed", trace=self._log(kind), files=files, body={"failure_reason": say(kind, "reason"), **more}
        )
        told = case(
            say(kind, "test name"),
            "failed",
            classname=say(kind, "test class"),
            output=f"{say(kind, 'test message')}\n{say(kind, 'test detail')}",
        )
        return pipeline(
            at,
            # Of what is retried the archive tells, of the rest GitLab's own report.
            jobs=[failed, job(name, body=more)] if at % 2 else [failed],
            report={say(kind, "suite"): [told], name: [told]},
            created=START + at * timedelta(hours=9),
            ref=say(kind, "branch"),
            source="push" if at % 3 else say(kind, "source"),
            body={"name": say(kind, "pipeline name"), "yaml_errors": say(kind, "error of a file")},
        )

    def _log(self, kind: str) -> str:
        say = self.planted.secret
        key = say("private key", "log of many lines").replace("-----", "-----\n", 2).replace("\n\n", "\n")
        lines = [
            f"\x1b[32;1m$ export X='{say(kind, 'log before')}'\x1b[0;m",
            key,
            f"Error: cannot log in with {say(kind, 'log line')}",
            f'{{"x": "{say(kind, "log in JSON")}"}}',
            "\x1b[31;1mERROR: Job failed: exit code 1\x1b[0;m",
        ]
        return "\n".join(lines) + "\n"

    def _report(self, kind: str) -> str:
        say = self.planted.secret
        return (
            f"<testsuites><testsuite name={quoteattr(say(kind, 'suite in archive'))}>"
            f"<properties><property name='token' value={quoteattr(say(kind, 'property'))}/></properties>"
            f"<testcase classname={quoteattr(say(kind, 'class in archive'))} name={quoteattr(say(kind, 'name in archive'))}>"
            f"<failure message={quoteattr(say(kind, 'message in archive'))}>{escape(say(kind, 'detail in archive'))}</failure>"
            f"<system-out>{escape(say(kind, 'test output'))}</system-out></testcase></testsuite></testsuites>"
        )


@dataclass(slots=True)
class _Telling:
    """The two sides, with secrets in headers, in reasons for refusals and in signed addresses."""

    planted: Planted
    api: GitLabSide
    blobs: BlobSide
    closed: list[str]

    def of_api(self, asked: Asked) -> tuple[str, Sent]:
        headers = {f"X-Debug-{at}": self.planted.secret(kind, "header") for at, kind in enumerate(KINDS)}
        for at, name in enumerate(self.closed):
            if asked.path.startswith(f"/api/v4/projects/{quote(name, safe='')}"):
                body = {"message": f"Refused: {self.planted.secret(KINDS[at], 'error body')}"}
                told = json.dumps(body).encode()
                return "closed", Sent((403, 422)[at % 2], told, {"Content-Type": "application/json", **headers})
        route, sent = self.api(asked)
        mine = {**sent.headers, **headers}
        if "Location" in mine:
            mine["Location"] += f"&token={self.planted.secret('GitHub app', 'signed address')}"
            mine["Location"] += f"&X-Amz-Credential={self.planted.secret('AWS secret', 'credential')[22:]}"
            self.planted.cores["signature", mine["Location"]] = mine["Location"].partition("Signature=")[2][:64]
        return route, replace(sent, headers=mine)

    def of_blobs(self, asked: Asked) -> tuple[str, Sent]:
        route, sent = self.blobs(asked)
        if asked.path.startswith("/artifacts/3000/"):
            return route, Sent(403, self.planted.secret("Azure signature", "refused blob").encode(), {})
        return route, sent


@contextmanager
def told(folder: Path, planted: Planted, token: str, closed: list[str]) -> Iterator[str]:
    """Serve a recording beside projects that are closed; the URL of its API."""
    ledger = Ledger(1_000_000, period=MINUTE)
    recording = GitLabRecording.open(folder)
    with Server(ledger) as api, Server(ledger) as blobs:
        kept = Archives(recording.attachments.archives, blobs.url)
        side = GitLabSide(GitLabApi(recording, api.url, kept, public=False), ledger, token, job_token=False)
        telling = _Telling(planted, side, BlobSide(kept), closed)
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
