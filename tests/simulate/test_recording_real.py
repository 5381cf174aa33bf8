"""The recording of a real history: nothing of it is lost, nothing made up."""

import csv
import gzip
import io
import itertools
import json
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.blobs import Blobs
from pipelinedoctor.simulate.recording import Recording
from pipelinedoctor.simulate.routes import Api

BASE = "/repos/apache/ozone"


@pytest.fixture(scope="module")
def ozone(data: Path) -> Path:
    return data / "ozone"


@pytest.fixture(scope="module")
def recording(ozone: Path) -> Recording:
    return Recording.open(ozone)


@pytest.fixture(scope="module")
def attachments(recording: Recording) -> Attachments:
    return Attachments.of(recording)


@pytest.fixture(scope="module")
def api(recording: Recording, attachments: Attachments) -> Api:
    return Api(recording, "http://forge", Blobs(attachments, "http://blobs"))


def bodies(folder: Path, name: str, step: int = 1) -> Iterator[dict[str, Any]]:
    """Every `step`th line of a file."""
    with gzip.open(folder / f"{name}.jsonl.gz", "rb") as file:
        yield from map(json.loads, itertools.islice(file, 0, None, step))


def body(api: Api, target: str, **query: str) -> Any:
    answer = api.answer(BASE + target, query)[1]
    assert answer.status == 200
    return json.loads(answer.body)


def test_what_it_is(recording: Recording) -> None:
    (repository,) = recording.repositories.values()
    assert (repository.full_name, repository.aliases) == ("apache/ozone", ("apache/hadoop-ozone",))
    assert (repository.default_branch, len(repository.runs)) == ("master", 3351)
    assert (recording.host, recording.origin) == ("github.com", "recording")
    assert recording.as_of.isoformat() == "2022-06-30T21:57:17+00:00"


def test_the_job_lists_without_a_run_are_told(recording: Recording) -> None:
    (gap,) = recording.gaps()
    assert (gap.repository, gap.kind, gap.subject) == ("apache/ozone", "jobs", "202 job lists without a run")
    assert gap.rows_missing == 2620
    assert gap.reason.endswith("and 182 more")


def test_every_run_and_job_is_served_as_recorded(ozone: Path, api: Api) -> None:
    runs = {}
    for page in range(1, 35):
        runs.update(
            {one["id"]: one for one in body(api, "/actions/runs", per_page="100", page=str(page))["workflow_runs"]}
        )
    assert runs == {line["run"]["id"]: line["run"] for line in bodies(ozone, "runs")}
    lists = [line for line in bodies(ozone, "jobs", 25) if line["jobs"] and line["jobs"][0]["run_id"] in runs]
    assert len(lists) > 100
    for line in lists:
        found = body(api, f"/actions/runs/{line['jobs'][0]['run_id']}/jobs", filter="all", per_page="100")
        assert found == {"total_count": len(line["jobs"]), "jobs": line["jobs"]}


def test_logs_are_of_failed_jobs_of_the_run_they_were_archived_with(
    ozone: Path, recording: Recording, attachments: Attachments
) -> None:
    failed = {job.job_id for listed in recording.job_lists.values() for job in listed.jobs if job.failed}
    assert set(attachments.logs) <= failed
    archives = recording.archives()
    reachable = [
        "\n".join(line["output_log_tail"]) + "\n"
        for line in bodies(ozone, "failed_jobs")
        if "output_log_tail" in line and line["job_dir"].rpartition("/")[0] in archives
    ]
    served = Counter(zlib.decompress(log).decode() for log in attachments.logs.values())
    assert served <= Counter(reachable)
    assert len(attachments.logs) >= 0.98 * len(reachable)


def test_reports_tell_the_same_tests_as_the_archive(
    ozone: Path, recording: Recording, attachments: Attachments
) -> None:
    archives = recording.archives()
    expected: Counter[tuple[str, str, str]] = Counter()
    for line in bodies(ozone, "junit_testcases"):
        if "/".join(line["file"].split("/")[:4]) in archives and "parse_error" not in line:
            expected[line["classname"], line["name"], line["status"]] += 1
    found: Counter[tuple[str, str, str]] = Counter()
    broken = 0
    for artifact in attachments.artifacts.values():
        for packed in artifact.files.values():
            try:
                suite = ET.fromstring(zlib.decompress(packed))
            except ET.ParseError:
                broken += 1
                continue
            found.update(
                (case.get("classname", ""), case.get("name", ""), _status(case)) for case in suite.iter("testcase")
            )
    assert found == expected
    assert broken == 4


def _status(case: ET.Element) -> str:
    return next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")


def test_a_raw_report_is_served_byte_by_byte(ozone: Path, recording: Recording, attachments: Attachments) -> None:
    archives = recording.archives()
    blobs = Blobs(attachments, "")
    seen = 0
    with tarfile.open(ozone / "junit_raw_small.tar.gz") as archive:
        for member in list(archive)[::20]:
            *day, number, name, path = member.name.split("/", 5)
            run = archives.get("/".join([*day, number]))
            raw = archive.extractfile(member)
            if run is None or raw is None:
                continue
            (artifact,) = [one for one in attachments.by_run[run.run_id] if one.name == name]
            link = blobs.link("artifacts", artifact.artifact_id)
            _, content = blobs.content(link.partition("?")[0], {"sig": link.partition("=")[2]})
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                assert packed.read(path) == raw.read()
            seen += 1
    assert seen > 5


def test_commits_of_the_default_branch_and_behind_a_tag(ozone: Path, api: Api) -> None:
    with gzip.open(ozone / "git_commits.csv.gz", "rt", encoding="utf-8") as file:
        expected = {row["sha"]: row["subject"] for row in csv.DictReader(file)}
    found = [each for page in range(1, 50) for each in body(api, "/commits", per_page="100", page=str(page))]
    assert {each["sha"]: each["commit"]["message"] for each in found} == expected
    times = [each["commit"]["committer"]["date"] for each in found]
    assert times == sorted(times, reverse=True)
    assert all(time.endswith("Z") for time in times)
    tags = body(api, "/tags", per_page="100")
    with (ozone / "git_tags.csv").open(encoding="utf-8") as plain:
        assert {each["name"]: each["commit"]["sha"] for each in tags} == {
            row["tag"]: row["commit"] for row in csv.DictReader(plain)
        }
    behind = body(api, "/commits", sha=tags[0]["name"], per_page="1")
    assert behind[0]["sha"] == tags[0]["commit"]["sha"]
