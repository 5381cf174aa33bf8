import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.errors import UsageError
from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.commits import read_commits
from pipelinedoctor.simulate.holdings import Holdings
from pipelinedoctor.simulate.lines import Line
from pipelinedoctor.simulate.recording import Recording
from tests.helpers.deliveries import deployment, pull, tag
from tests.helpers.recordings import commit, job, run, run_body, write_recording


def add(path: Path, *bodies: Any) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(body) + "\n" for body in bodies)


def test_a_recording_tells_its_host_time_and_repositories(tmp_path: Path) -> None:
    runs = [run(1, jobs=[job(minutes=3)]), run(2, repository="acme/api", created="2026-01-04T12:00:00Z")]
    recording = Recording.open(write_recording(tmp_path, runs))
    assert (recording.host, recording.origin) == ("github.com", "recording")
    assert recording.as_of == datetime(2026, 1, 5, 12, 3, 10, tzinfo=UTC)
    assert list(recording.repositories) == ["acme/api", "acme/shop"]
    assert recording.gaps() == []


def test_what_a_recording_says_of_itself_stands_before_what_its_runs_tell(tmp_path: Path) -> None:
    about = {"origin": "simulated", "host": "ci.example.org", "as_of": "2026-02-01T00:00:00+01:00"}
    recording = Recording.open(write_recording(tmp_path, [run(1)], about=about))
    assert (recording.host, recording.origin) == ("ci.example.org", "simulated")
    assert recording.as_of == datetime(2026, 1, 31, 23, tzinfo=UTC)


def test_gzip_and_plain_files_are_the_same_recording(tmp_path: Path) -> None:
    runs = [run(1, jobs=[job(log="one\n", junit="<testsuite/>")])]
    plain = Recording.open(write_recording(tmp_path / "plain", runs))
    packed = Recording.open(write_recording(tmp_path / "packed", runs, compressed=True))
    assert plain.attempts == packed.attempts
    assert plain.job_lists == packed.job_lists
    assert Attachments.of(plain) == Attachments.of(packed)


def test_the_newest_body_of_an_attempt_wins_and_earlier_attempts_are_kept(tmp_path: Path) -> None:
    write_recording(tmp_path, [run(1, jobs=[job(attempt=2)])])
    first = run_body(run(1, body={"conclusion": "failure"}))
    stale = run_body(run(1, jobs=[job(attempt=2)], body={"conclusion": None, "updated_at": "2026-01-05T12:00:00Z"}))
    add(tmp_path / "runs.jsonl", {"run": first}, {"run": stale})
    recording = Recording.open(tmp_path)
    assert {number: kept.conclusion for number, kept in recording.attempts[1].items()} == {1: "failure", 2: "success"}
    newest = recording.run(1)
    assert newest is not None
    assert newest.attempt == 2


def test_a_renamed_repository_goes_by_its_newest_name(tmp_path: Path) -> None:
    old, new = run_body(run(1)), run_body(run(2, created="2026-01-06T12:00:00Z"))
    old["repository"] = {**old["repository"], "full_name": "acme/store"}
    write_recording(tmp_path, [run(3, created="2026-01-01T12:00:00Z")])
    (tmp_path / "repositories.jsonl").unlink()
    add(tmp_path / "runs.jsonl", {"run": old}, {"run": new})
    recording = Recording.open(tmp_path)
    repository = recording.repositories["acme/shop"]
    assert repository.aliases == ("acme/store",)
    assert [one.run_id for one in repository.runs] == [2, 1, 3]
    assert recording.named("ACME/Store") == recording.named("acme/shop") == repository


def test_a_repository_that_is_only_embedded_has_the_branch_most_pushed_to_as_its_default(tmp_path: Path) -> None:
    runs = [
        run(1, branch="trunk"),
        run(2, branch="trunk"),
        run(3, branch="topic"),
        *(run(number, branch="topic", event="pull_request") for number in range(4, 9)),
    ]
    write_recording(tmp_path, runs)
    (tmp_path / "repositories.jsonl").unlink()
    repository = Recording.open(tmp_path).repositories["acme/shop"]
    assert repository.default_branch == json.loads(repository.body)["default_branch"] == "trunk"


def test_job_lists_without_a_run_and_runs_without_a_job_list_are_gaps(tmp_path: Path) -> None:
    lonely = [run(number, jobs=[job("a"), job("b")]) for number in range(100, 125)]
    write_recording(tmp_path / "other", [*lonely, run(200, jobs=[job()], repository="acme/gone")])
    write_recording(tmp_path, [run(1), run(2), run(3, body={"conclusion": "startup_failure"})])
    (tmp_path / "jobs.jsonl").write_text('{"jobs":[],"run_id":1}\n' + (tmp_path / "other/jobs.jsonl").read_text())
    without, gone, orphans = sorted(Recording.open(tmp_path).gaps(), key=lambda gap: gap.subject)
    assert (without.subject, without.rows_missing) == ("1 job list without a run", 1)
    assert without.repository == "acme/gone"
    assert gone.subject == "1 run without a job list"
    assert gone.rows_missing is None
    assert gone.reason.endswith("recorded: 2")
    assert (orphans.subject, orphans.rows_missing, orphans.repository) == (
        "25 job lists without a run",
        50,
        "acme/shop",
    )
    assert "100, 101," in orphans.reason
    assert orphans.reason.endswith("119 and 5 more")
    assert {gap.kind for gap in (without, gone, orphans)} == {"jobs"}


def test_an_artifact_is_dated_into_its_attempt(tmp_path: Path) -> None:
    jobs = [job("t", "failure", junit="<a/>"), job("t", attempt=2, junit="<b/>")]
    artifacts = Attachments.of(Recording.open(write_recording(tmp_path, [run(1, jobs=jobs)]))).by_run[1]
    assert [one.created_at.isoformat() for one in artifacts] == [
        "2026-01-05T12:02:10+00:00",
        "2026-01-05T13:02:10+00:00",
    ]


def test_a_sha_leads_to_all_commits_behind_it(tmp_path: Path) -> None:
    commits = [
        commit("a", "2026-01-01T00:00:00Z"),
        commit("b", "2026-01-02T00:00:00Z", parents=["a", "before-the-recording"]),
        commit("c", "2026-01-03T00:00:00Z", parents=["a"]),
        commit("d", "2026-01-04T00:00:00Z", parents=["b", "c"]),
    ]
    found = read_commits(Recording.open(write_recording(tmp_path, [run(1)], commits=commits)))["acme/shop"]
    assert [one.sha for one in found.default] == ["d", "c", "b", "a"]
    assert [one.sha for one in found.behind("c") or []] == ["c", "a"]
    assert found.behind("before-the-recording") is None


def _broken(name: str, line: str) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        with (folder / name).open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    return spoil


RUN = run_body(run(9))
JOB = '{"id": %s, "run_id": %s, "name": "x"}'


@pytest.mark.parametrize(
    ("name", "line", "complaint"),
    [
        ("runs.jsonl", "{", "runs.jsonl:2: not a JSON object"),
        ("runs.jsonl", "[]", "runs.jsonl:2: not a JSON object"),
        ("runs.jsonl", '{"run": {}} x', "runs.jsonl:2: not a JSON object"),
        ("runs.jsonl", "{1: 2}", "runs.jsonl:2: not a JSON object"),
        ("runs.jsonl", '{"a": ' + "[" * 100_000, "runs.jsonl:2: not a JSON object"),
        ("runs.jsonl", "{}", "runs.jsonl:2: no `run`"),
        ("runs.jsonl", '{"run": 7}', "runs.jsonl:2: `run` holds something that is no JSON object"),
        ("runs.jsonl", json.dumps({"run": {**RUN, "id": "7"}}), "runs.jsonl:2: `id` is no whole number"),
        ("runs.jsonl", json.dumps({"run": {**RUN, "id": True}}), "runs.jsonl:2: `id` is no whole number"),
        ("runs.jsonl", json.dumps({"run": {**RUN, "id": 2**63}}), "runs.jsonl:2: `id` is no whole number"),
        (
            "runs.jsonl",
            json.dumps({"run": {**RUN, "created_at": "2026-01-01"}}),
            "runs.jsonl:2: `created_at` is no time",
        ),
        (
            "runs.jsonl",
            json.dumps({"run": {**RUN, "repository": None}}),
            "runs.jsonl:2: `repository` is no JSON object",
        ),
        ("jobs.jsonl", '{"jobs": [7]}', "jobs.jsonl:2: `jobs` holds something that is no JSON object"),
        ("jobs.jsonl", '{"jobs": [{"id": 1}]}', "jobs.jsonl:2: `run_id` is no whole number"),
        (
            "jobs.jsonl",
            f'{{"jobs": [{JOB % (5, 5)}, {JOB % (6, 6)}]}}',
            "jobs.jsonl:2: jobs of more than one run: 5 and 6",
        ),
        ("jobs.jsonl", f'{{"jobs": [{JOB % (5, 1)}]}}', "jobs.jsonl:2: a second job list of run 1"),
        ("jobs.jsonl", f'{{"jobs": [{JOB % (5, 5)}, {JOB % (5, 5)}]}}', "jobs.jsonl:2: a job is listed twice"),
        ("jobs.jsonl", f'{{"jobs": [{JOB % (1000, 5)}]}}', "jobs.jsonl:2: a job is listed twice"),
        ("repositories.jsonl", "{}", "repositories.jsonl:2: no `repository`"),
        ("logs.jsonl", '{"job_id": 1000, "log": 5}', "logs.jsonl:1: `log` is no text"),
        (
            "artifacts.jsonl",
            '{"run_id": 5, "attempt": 1, "name": "x"}',
            "artifacts.jsonl:1: an artifact of run 5, which",
        ),
        ("artifacts.jsonl", '{"run_id": 1, "attempt": 1, "name": "x"}', "artifacts.jsonl:1: `files` is no JSON object"),
        (
            "commits.jsonl",
            '{"repository": "no/one", "commit": {}}',
            "commits.jsonl:1: a commit of no/one, which is not",
        ),
        ("commits.jsonl", '{"repository": "acme/shop"}', "commits.jsonl:1: no `commit`"),
        (
            "failed_jobs.jsonl",
            '{"job_dir": "a/b", "output_log_tail": [1]}',
            "failed_jobs.jsonl:1: `output_log_tail` is no",
        ),
        (
            "annotations.jsonl",
            '{"job_id": 1, "annotations": [7]}',
            "annotations.jsonl:1: `annotations` holds something",
        ),
        ("annotations.jsonl", '{"annotations": []}', "annotations.jsonl:1: `job_id` is no whole number"),
        ("pulls.jsonl", '{"repository": "no/one", "pull": {}}', "pulls.jsonl:1: no/one is not recorded"),
        ("pulls.jsonl", '{"repository": "acme/shop"}', "pulls.jsonl:1: `pull` is no JSON object"),
        ("pulls.jsonl", json.dumps({**pull(1), "commits": [1]}), "pulls.jsonl:1: `commits` is no list of objects"),
        (
            "deployments.jsonl",
            '{"repository": "acme/shop", "deployment": {"id": 1}}',
            "deployments.jsonl:1: `created_at`",
        ),
        (
            "deployments.jsonl",
            json.dumps({**deployment(1), "statuses": {}}),
            "deployments.jsonl:1: `statuses` is no list of objects",
        ),
        ("releases.jsonl", '{"repository": "acme/shop", "release": {}}', "releases.jsonl:1: `tag_name` is no text"),
        ("tags.jsonl", '{"repository": "acme/shop", "tag": {"commit": {}}}', "tags.jsonl:1: `sha` is no text"),
        ("tags.jsonl", json.dumps({**tag("v1", "a"), "object": 7}), "tags.jsonl:1: `object` is no text"),
        ("git_commits.csv", "sha,subject", "git_commits.csv:1: no column `authored_at`"),
        ("git_tags.csv", "tag,commit\na,b,c", "git_tags.csv:2: 3 cells, 2 columns"),
        ("junit_raw_small.tar.gz", "no archive", "junit_raw_small.tar.gz: cannot be read"),
        ("recording.json", '{"as_of": "soon"}', "recording.json: `as_of` is no time"),
    ],
)
def test_what_is_odd_is_told_with_file_and_line(tmp_path: Path, name: str, line: str, complaint: str) -> None:
    write_recording(tmp_path, [run(1, jobs=[job()])])
    _broken(name, line)(tmp_path)
    with pytest.raises(UsageError) as raised:
        _read_all(tmp_path)
    assert str(raised.value).startswith(f"{tmp_path}/{complaint}")


def _read_all(folder: Path) -> None:
    recording = Recording.open(folder)
    Holdings.of(recording, Attachments.of(recording))


@pytest.mark.parametrize("name", ["runs", "jobs"])
def test_a_folder_that_lacks_a_needed_file_is_no_recording(tmp_path: Path, name: str) -> None:
    write_recording(tmp_path, [run(1, jobs=[job()])])
    (tmp_path / f"{name}.jsonl").unlink()
    with pytest.raises(UsageError, match=f"{name}.jsonl.gz"):
        Recording.open(tmp_path)


@pytest.mark.parametrize("content", [b"plain", gzip.compress(b'{"run": {}}')[:-12], gzip.compress(b"\xff\n")])
def test_a_damaged_file_is_told_by_name(tmp_path: Path, content: bytes) -> None:
    write_recording(tmp_path, [run(1)])
    (tmp_path / "runs.jsonl").unlink()
    (tmp_path / "runs.jsonl.gz").write_bytes(content)
    with pytest.raises(UsageError, match=r"runs\.jsonl\.gz:1: (cannot be read|not UTF-8)"):
        Recording.open(tmp_path)


def test_two_repositories_of_one_name_are_refused(tmp_path: Path) -> None:
    body = run_body(run(2))
    body["repository"]["id"] += 1
    write_recording(tmp_path, [run(1)])
    add(tmp_path / "runs.jsonl", {"run": body})
    with pytest.raises(UsageError, match="both named acme/shop"):
        Recording.open(tmp_path)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON_VALUES, max_size=4)


@settings(deadline=None, max_examples=150)
@given(
    before=OBJECTS,
    parts=st.lists(OBJECTS, max_size=4),
    after=OBJECTS,
    ascii_only=st.booleans(),
    indent=st.none() | st.just(1),
)
def test_cutting_a_line_loses_nothing(
    before: dict[str, Any], parts: list[dict[str, Any]], after: dict[str, Any], ascii_only: bool, indent: int | None
) -> None:
    before.pop("parts", None)
    after.pop("parts", None)
    whole = {**before, "parts": parts, **after}
    text = json.dumps(whole, ensure_ascii=ascii_only, indent=indent)
    rest, found = Line(Path("x"), 1, text).cut("parts")
    assert rest == {**before, **after}
    assert [value for value, _ in found] == parts
    assert [json.loads(raw) for _, raw in found] == parts
    assert all(raw.decode() in text for _, raw in found)


@pytest.mark.parametrize("name", ["shop", "acme/", "acme/shop/x", "acme/\x1b[2J", "acme/\ud800", "acme/\u202eshop"])
def test_a_name_that_no_repository_can_have_is_told_with_its_line(tmp_path: Path, name: str) -> None:
    body = run_body(run(1, body={"repository": {"id": 1, "full_name": name}}))
    add(write_recording(tmp_path, [run(2)]) / "runs.jsonl", {"run": body})
    with pytest.raises(UsageError, match=r"runs\.jsonl:2: `full_name` is no owner/name"):
        Recording.open(tmp_path)


def test_a_run_updated_at_the_end_of_the_calendar_does_not_move_the_end_of_the_recording(tmp_path: Path) -> None:
    runs = [run(1, body={"updated_at": "9999-12-31T23:59:59Z"}), run(2, created="2026-01-06T12:00:00Z")]
    assert Recording.open(write_recording(tmp_path, runs)).as_of == datetime(2026, 1, 6, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "about", [{"as_of": "9999-12-31T23:59:59Z"}, {"as_of": "0001-01-01T00:00:00Z"}, {"host": "\ud800"}]
)
def test_what_a_recording_says_of_itself_is_checked(tmp_path: Path, about: dict[str, str]) -> None:
    with pytest.raises(UsageError, match=r"recording\.json: "):
        Recording.open(write_recording(tmp_path, [run(1)], about=about))
