"""The loopback GitLab over real sockets, as python-gitlab and others see it."""

import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import gitlab
import pytest
import requests

from pipelinedoctor.errors import UsageError
from pipelinedoctor.simulate.forge import Forge
from pipelinedoctor.simulate.gitlab.forge import serve_gitlab
from pipelinedoctor.simulate.mishaps import Mishap
from tests.helpers.gitlab_recordings import case, change, deployment, job, pipeline, write_gitlab

JOBS = "/api/v4/projects/acme%2Fshop/jobs"
LOG = "section_start:1767614405:step\r\x1b[0Kline ünïcode\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    first = [job("build"), job("test", "failed", trace=LOG, files={"junit.xml": "<testsuite name='ü'/>"}), job("test")]
    pipelines = [pipeline(1, jobs=first, report={"test": [case("a")]})]
    pipelines += [pipeline(number, created=f"2026-01-{number:02}T12:00:00Z", jobs=[job()]) for number in range(6, 20)]
    return write_gitlab(
        tmp_path_factory.mktemp("gitlab"),
        pipelines,
        changes=[change(1, commits=["a" * 40])],
        deployments=[deployment(1, changes=[1])],
        commits=["a" * 40],
        tags={"v1": "a" * 40},
    )


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Forge]:
    with serve_gitlab(folder) as forge:
        yield forge


@pytest.fixture
def forge(running: Forge) -> Forge:
    running.reset()
    return running


def get(forge: Forge, target: str, **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(forge.url + target, headers=named, timeout=30, allow_redirects=False)


def test_it_tells_what_its_recording_holds(forge: Forge) -> None:
    assert (forge.host, forge.origin, forge.repositories, forge.gaps) == ("gitlab.com", "recording", ("acme/shop",), ())


def test_python_gitlab_takes_it_for_gitlab(forge: Forge) -> None:
    with gitlab.Gitlab(forge.url, oauth_token="x", per_page=5, retry_transient_errors=False) as client:
        client.auth()
        project = client.projects.get("acme/shop", lazy=True)
        keyset = project.jobs.list(iterator=True, pagination="keyset", order_by="id", sort="desc")
        by_page = project.jobs.list(iterator=True)
        assert [one.id for one in keyset] == [one.id for one in by_page]
        assert [one.id for one in project.jobs.list(iterator=True, scope=["failed"])] == [1001]
        pipelines = project.pipelines.list(iterator=True, updated_after="2026-01-10T00:00:00Z", order_by="updated_at")
        assert len(pipelines) == 10
        assert [one.id for one in pipelines][:2] == [19, 18]
        one = project.pipelines.get(1)
        assert [job.id for job in one.jobs.list(include_retried=True, get_all=True)] == [1002, 1001, 1000]
        assert one.test_report.get().total_count == 1
        assert one.test_report_summary.get().total["count"] == 1
        failed = project.jobs.get(1001, lazy=True)
        assert failed.trace() == LOG.encode()
        with zipfile.ZipFile(io.BytesIO(failed.artifacts())) as archive:
            assert archive.read("junit.xml").decode() == "<testsuite name='ü'/>"
        (merged,) = project.mergerequests.list(state="merged", get_all=True)
        assert [commit.id for commit in merged.commits()] == ["a" * 40]
        (shipped,) = project.deployments.list(order_by="updated_at", updated_after="2026-01-01", get_all=True)
        assert [one.iid for one in shipped.mergerequests.list(get_all=True)] == [1]
        assert client.personal_access_tokens.get("self").active
        with pytest.raises(gitlab.GitlabGetError, match="404 Not found"):
            project.pipelines.get(77)
    assert "blob artifacts with a token" not in forge.counts()
    assert forge.counts()["/projects/:id/jobs"] == 9


def test_a_token_that_travels_on_to_the_archive_is_refused_and_shows(forge: Forge) -> None:
    target = forge.url + f"{JOBS}/1001/artifacts"
    assert requests.get(target, headers={"PRIVATE-TOKEN": "x"}, timeout=30).status_code == 400
    assert requests.get(target, headers={"JOB-TOKEN": "x"}, timeout=30).status_code == 400
    assert requests.get(target, headers={"Authorization": "Bearer x"}, timeout=30).status_code == 200
    assert forge.counts() == {
        "/projects/:id/jobs/:job_id/artifacts": 3,
        "blob artifacts": 1,
        "blob artifacts with a token": 2,
    }


@pytest.mark.parametrize(
    "path", ["/artifacts/1001/artifacts.zip", "/artifacts/1001/artifacts.zip?X-Amz-Signature=0", "/"]
)
def test_an_archive_has_no_door_but_its_link(forge: Forge, path: str) -> None:
    assert requests.get(forge.blob_url + path, timeout=30).status_code == 403


def test_an_unchanged_answer_is_not_sent_again_but_counts(forge: Forge) -> None:
    first = get(forge, f"{JOBS}?per_page=2", PRIVATE_TOKEN="x")
    again = get(forge, f"{JOBS}?per_page=2", PRIVATE_TOKEN="x", If_None_Match=first.headers["ETag"])
    other = get(forge, f"{JOBS}?per_page=3", PRIVATE_TOKEN="x", If_None_Match=first.headers["ETag"])
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert again.content == b""
    assert again.headers["Link"] == first.headers["Link"]
    left = [int(answer.headers["RateLimit-Remaining"]) for answer in (first, again, other)]
    assert left == [left[0], left[0] - 1, left[0] - 2]


def test_past_the_allowance_all_is_refused_until_the_minute_is_over(folder: Path) -> None:
    with serve_gitlab(folder, rate_limit=2) as forge:
        answers = [get(forge, JOBS, PRIVATE_TOKEN="x") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    refused = answers[2]
    assert (refused.text, refused.headers["Content-Type"]) == ("Retry later\n", "text/plain")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert "Retry-After" not in answers[1].headers
    assert int(refused.headers["RateLimit-Reset"]) > 0


def test_time_passes_on_demand(folder: Path) -> None:
    morning = datetime(2026, 1, 10, 11, tzinfo=UTC)
    target = "/api/v4/projects/acme%2Fshop"
    with serve_gitlab(folder, until=morning) as forge:
        assert forge.as_of == morning
        assert [one["id"] for one in get(forge, f"{target}/pipelines").json()] == [9, 8, 7, 6, 1]
        assert [one["id"] for one in get(forge, JOBS, PRIVATE_TOKEN="x").json()][:2] == [9000, 8000]
        later = forge.advance(None)
        assert (later.url, later.as_of > morning) == (forge.url, True)
        assert get(forge, f"{target}/pipelines").headers["X-Total"] == "15"
        assert get(forge, JOBS, PRIVATE_TOKEN="x").json()[0]["id"] == 19_000


def test_faults_strike_on_demand(forge: Forge) -> None:
    forge.plant(Mishap("429 with Retry-After", route="*/jobs", at=(1,), seconds=7), Mishap("500", route="*/trace"))
    first, second = (get(forge, JOBS, PRIVATE_TOKEN="x") for _ in range(2))
    trace = get(forge, f"{JOBS}/1001/trace", PRIVATE_TOKEN="x")
    forge.heal()
    assert (first.status_code, first.headers["Retry-After"]) == (429, "7")
    assert "RateLimit-Remaining" in first.headers
    assert (second.status_code, trace.status_code) == (200, 500)
    assert forge.statuses() == {200: 1, 429: 1, 500: 1}


def test_whose_token_is_asked_for(folder: Path) -> None:
    with serve_gitlab(folder, token="secret") as forge:
        given = [{}, {"PRIVATE_TOKEN": "secret"}, {"Authorization": "Bearer secret"}, {"PRIVATE_TOKEN": "other"}]
        given += [{"Authorization": "Bearer other"}, {"JOB_TOKEN": "secret"}, {"Authorization": "token secret"}]
        assert [get(forge, JOBS, **one).status_code for one in given] == [401, 200, 200, 401, 401, 401, 401]


def test_a_token_of_a_job(folder: Path) -> None:
    with serve_gitlab(folder, token="secret", job_token=True) as forge:
        given = [{"JOB_TOKEN": "secret"}, {"JOB_TOKEN": "other"}, {"PRIVATE_TOKEN": "secret"}]
        assert [get(forge, JOBS, **one).status_code for one in given] == [200, 401, 401]
        target = "/api/v4/projects/acme%2Fshop/pipelines"
        assert get(forge, target, JOB_TOKEN="secret").json() == {"message": "404 Project Not Found"}


def test_without_a_token_of_its_own_any_will_do_where_one_is_needed(forge: Forge) -> None:
    given: list[dict[str, str]] = [{}, {"PRIVATE_TOKEN": "x"}, {"JOB_TOKEN": "x"}]
    assert [get(forge, JOBS, **one).status_code for one in given] == [401, 200, 200]
    assert get(forge, "/api/v4/projects/acme%2Fshop").status_code == 200


def test_what_is_no_recording_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recording of a GitLab"), serve_gitlab(tmp_path):
        pytest.fail("served what is no recording")


def test_nothing_of_this_machine_is_in_an_answer(forge: Forge, folder: Path) -> None:
    answer = get(forge, JOBS, PRIVATE_TOKEN="x")
    assert str(folder) not in f"{answer.text}{answer.headers}"
