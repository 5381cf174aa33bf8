"""The loopback forge over real sockets, and its process."""

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import github
import pytest
import requests

from pipelinedoctor.errors import UsageError
from pipelinedoctor.simulate.forge import Forge, serve
from pipelinedoctor.simulate.recording import Recording
from pipelinedoctor.simulate.server import Request
from tests.helpers.recordings import job, run, write_recording

SHOP = "/repos/acme/shop"
LOG = "first line\nsecond line: ünïcode\n"
BEARER = {"Authorization": "Bearer secret"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    jobs = [job("build", "failure", log=LOG), job("test", junit="<testsuite name='ü'/>")]
    others = [run(number, created=f"2026-01-{number:02}T00:00:00Z") for number in range(2, 8)]
    return write_recording(tmp_path_factory.mktemp("recording"), [run(1, jobs=jobs), *others])


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Forge]:
    with serve(folder) as forge:
        yield forge


@pytest.fixture
def forge(running: Forge) -> Forge:
    running.reset()
    return running


def test_it_tells_what_its_recording_holds(tmp_path: Path) -> None:
    write_recording(tmp_path, [run(1, jobs=[job("build")])])
    lists = (tmp_path / "jobs.jsonl").read_text(encoding="utf-8")
    (tmp_path / "jobs.jsonl").write_text(lists + lists.replace("1000", "2000").replace('"run_id": 1,', '"run_id": 2,'))
    recording = Recording.open(tmp_path)
    with serve(tmp_path) as forge:
        assert (forge.host, forge.origin, forge.as_of) == (recording.host, recording.origin, recording.as_of)
        assert forge.repositories == tuple(recording.repositories) == ("acme/shop",)
        assert [gap.subject for gap in forge.gaps] == ["1 job list without a run"]
        assert list(forge.gaps) == recording.gaps()


def get(forge: Forge, target: str, **headers: str) -> requests.Response:
    return requests.get(forge.url + target, headers=headers, timeout=30)


def test_an_unchanged_answer_is_not_sent_again_and_costs_nothing(forge: Forge) -> None:
    first = get(forge, f"{SHOP}/actions/runs?per_page=2")
    again = get(forge, f"{SHOP}/actions/runs?per_page=2", **{"If-None-Match": first.headers["ETag"]})
    other = get(forge, f"{SHOP}/actions/runs?per_page=3", **{"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, other.status_code) == (200, 304, 200)
    assert again.content == b""
    assert again.headers["ETag"] == first.headers["ETag"] != other.headers["ETag"]
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in (first, again, other)]
    assert left == [left[0], left[0], left[0] - 1]


def test_every_answer_tells_the_allowance(forge: Forge) -> None:
    for target in (SHOP, "/nothing", f"{SHOP}/actions/jobs/1001/logs"):
        headers = requests.get(forge.url + target, timeout=30, allow_redirects=False).headers
        assert int(headers["X-RateLimit-Limit"]) == int(headers["X-RateLimit-Remaining"]) + int(
            headers["X-RateLimit-Used"]
        )
        assert headers["X-RateLimit-Resource"] == "core"
        assert int(headers["X-RateLimit-Reset"]) > 0


def test_a_log_lies_on_another_port_behind_a_link(forge: Forge) -> None:
    link = requests.get(f"{forge.url}{SHOP}/actions/jobs/1000/logs", timeout=30, allow_redirects=False)
    location = link.headers["Location"]
    assert (link.status_code, link.content) == (302, b"")
    assert location.startswith(forge.blob_url)
    assert urlsplit(location).port != urlsplit(forge.url).port
    log = requests.get(location, timeout=30)
    assert log.content.decode() == LOG
    assert log.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert get(forge, f"{SHOP}/actions/jobs/1001/logs").status_code == 410


def test_an_artifact_is_a_zip_behind_a_link(forge: Forge) -> None:
    (artifact,) = get(forge, f"{SHOP}/actions/runs/1/artifacts").json()["artifacts"]
    assert (artifact["name"], artifact["expired"]) == ("junit-test", False)
    content = get(forge, f"{SHOP}/actions/artifacts/{artifact['id']}/zip").content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.namelist() == ["report.xml"]
        assert archive.read("report.xml").decode() == "<testsuite name='ü'/>"
    assert content == get(forge, f"{SHOP}/actions/artifacts/{artifact['id']}/zip").content


def test_a_token_at_the_blobs_is_refused_and_shows(forge: Forge) -> None:
    location = requests.get(f"{forge.url}{SHOP}/actions/jobs/1000/logs", timeout=30, allow_redirects=False).headers[
        "Location"
    ]
    assert requests.get(location, headers=BEARER, timeout=30).status_code == 400
    assert forge.counts() == {"/repos/{owner}/{repo}/actions/jobs/{job_id}/logs": 1, "blob logs with a token": 1}


@pytest.mark.parametrize("path", ["/logs/1000", "/logs/1000?sig=0", "/", "/artifacts/1", "/logs/9?sig="])
def test_blobs_have_no_door_but_their_links(forge: Forge, path: str) -> None:
    assert requests.get(forge.blob_url + path, timeout=30).status_code == 403


def test_a_link_opens_nothing_else(forge: Forge) -> None:
    location = requests.get(f"{forge.url}{SHOP}/actions/jobs/1000/logs", timeout=30, allow_redirects=False).headers[
        "Location"
    ]
    assert requests.get(location.replace("/logs/", "/artifacts/"), timeout=30).status_code == 403


def test_requests_are_kept_in_order_until_reset(forge: Forge) -> None:
    get(forge, f"{SHOP}/actions/runs?page=2")
    get(forge, f"{SHOP}/actions/runs/99")
    get(forge, f"{SHOP}/actions/runs?page=2")
    listing = Request("/repos/{owner}/{repo}/actions/runs", f"{SHOP}/actions/runs?page=2", 200)
    single = Request("/repos/{owner}/{repo}/actions/runs/{run_id}", f"{SHOP}/actions/runs/99", 404)
    assert forge.requests() == [listing, single, listing]
    assert forge.counts() == {listing.route: 2, single.route: 1}
    forge.reset()
    assert forge.requests() == []


def test_a_connection_stays_open_for_many_requests(forge: Forge) -> None:
    connection = http.client.HTTPConnection(urlsplit(forge.url).netloc, timeout=30)
    ports = set()
    for target in (SHOP, "/nothing", f"{SHOP}/actions/jobs/1000/logs", f"{SHOP}/actions/runs"):
        connection.request("GET", target)
        connection.getresponse().read()
        ports.add(connection.sock.getsockname()[1])
    connection.close()
    assert len(ports) == 1


def test_other_methods_and_nonsense_do_not_stop_it(forge: Forge) -> None:
    assert requests.post(forge.url + SHOP, json={}, timeout=30).status_code == 501
    with socket.create_connection(("127.0.0.1", urlsplit(forge.url).port or 0), timeout=30) as raw:
        raw.sendall(b"\x00\xff nonsense\r\n\r\n")
        assert b"400" in raw.recv(1000)
    assert get(forge, SHOP).status_code == 200


def test_without_the_token_nobody_is_admitted(folder: Path) -> None:
    with serve(folder, token="secret") as forge:
        asked: tuple[dict[str, str], ...] = (
            {},
            {"Authorization": "Bearer other"},
            BEARER,
            {"Authorization": "token secret"},
        )
        answers = [get(forge, SHOP, **headers) for headers in asked]
        log = get(forge, f"{SHOP}/actions/jobs/1000/logs", **BEARER)
    assert [answer.status_code for answer in answers] == [401, 401, 200, 200]
    assert [answer.json()["message"] for answer in answers[:2]] == ["Requires authentication", "Bad credentials"]
    assert log.text == LOG


def test_past_the_allowance_all_is_refused_but_the_question_what_is_left(folder: Path) -> None:
    with serve(folder, rate_limit=2) as forge:
        first = get(forge, SHOP)
        known = {"If-None-Match": first.headers["ETag"]}
        answers = [get(forge, SHOP, **known), get(forge, f"{SHOP}/tags"), get(forge, f"{SHOP}/tags")]
        question = get(forge, "/rate_limit")
        get(forge, "/rate_limit", **{"If-None-Match": question.headers["ETag"]})
        left = get(forge, "/rate_limit").json()
    assert [answer.status_code for answer in answers] == [304, 200, 403]
    assert answers[2].headers["X-RateLimit-Remaining"] == "0"
    assert "rate limit" in answers[2].json()["message"]
    assert left["resources"]["core"] == left["rate"]
    assert (left["rate"]["limit"], left["rate"]["remaining"], left["rate"]["used"]) == (2, 0, 2)


SUITE = {"query": '{ nodes(ids: ["CS_1"]) { ... on CheckSuite { checkRuns(first: 9) { nodes { name } } } } }'}


def ask(forge: Forge, path: str = "/api/graphql", **headers: str) -> requests.Response:
    return requests.post(forge.url + path, json=SUITE, headers=headers, timeout=30)


@pytest.mark.parametrize("path", ["/graphql", "/api/graphql"])
def test_graphql_is_answered_at_both_of_its_places_and_counted_apart(forge: Forge, path: str) -> None:
    before = get(forge, "/rate_limit").json()["resources"]
    answer = ask(forge, path)
    after = get(forge, "/rate_limit").json()["resources"]
    assert [one["name"] for one in answer.json()["data"]["nodes"][0]["checkRuns"]["nodes"]] == ["build", "test"]
    assert answer.headers["X-RateLimit-Resource"] == "graphql"
    assert int(answer.headers["X-RateLimit-Used"]) == after["graphql"]["used"] == before["graphql"]["used"] + 1
    assert after["core"]["used"] == before["core"]["used"]
    assert forge.counts() == {"/graphql": 1, "/rate_limit": 2}


def test_graphql_needs_the_token_and_points_and_the_right_to_read_checks(folder: Path) -> None:
    with serve(folder, token="secret", points=2, checks=False) as forge:
        stranger, forbidden, again, spent = ask(forge), *(ask(forge, **BEARER) for _ in range(3))
        core = get(forge, SHOP, **BEARER)
        annotations, jobs = (
            get(forge, SHOP + path, **BEARER) for path in ("/check-runs/1000/annotations", "/actions/runs/1/jobs")
        )
    assert (annotations.status_code, jobs.status_code) == (403, 200)
    assert annotations.json()["message"] == "Resource not accessible by personal access token"
    assert (stranger.status_code, stranger.json()["message"]) == (401, "Requires authentication")
    assert forbidden.json()["data"] == again.json()["data"] == {"nodes": [None]}
    assert forbidden.json()["errors"][0]["type"] == "FORBIDDEN"
    assert (spent.status_code, spent.json()["errors"][0]["type"]) == (200, "RATE_LIMITED")
    assert spent.headers["X-RateLimit-Remaining"] == "0"
    assert core.status_code == 200


def test_what_was_unchanged_can_be_counted(forge: Forge) -> None:
    tag = get(forge, SHOP).headers["ETag"]
    for _ in range(2):
        get(forge, SHOP, **{"If-None-Match": tag})
    get(forge, "/nothing")
    assert forge.statuses() == {200: 1, 304: 2, 404: 1}


def test_pygithub_takes_it_for_github(running: Forge) -> None:
    client = github.Github(
        base_url=running.url, auth=github.Auth.Token("x"), lazy=True, retry=None, seconds_between_requests=0
    )
    parameters = {"created": "2026-01-01..2026-01-04", "per_page": 2, "page": 2}
    headers, found = client.requester.requestJsonAndCheck("GET", f"{SHOP}/actions/runs", parameters=parameters)
    assert [one["id"] for one in found["workflow_runs"]] == [2]
    assert 'rel="prev"' in headers["link"]
    assert [one.id for one in client.get_repo("acme/shop").get_workflow_runs(event="push")] == [7, 6, 1, 5, 4, 3, 2]
    status, headers, _ = client.requester.requestJson("GET", f"{SHOP}/actions/jobs/1000/logs")
    assert (status, headers["location"].startswith(running.blob_url)) == (302, True)
    status, headers, _ = client.requester.requestJson("GET", SHOP)
    assert client.requester.requestJson("GET", SHOP, headers={"If-None-Match": headers["etag"]})[0] == 304
    with pytest.raises(github.UnknownObjectException):
        client.requester.requestJsonAndCheck("GET", f"{SHOP}/actions/runs/99")
    _, found = client.requester.graphql_query(SUITE["query"], {})
    assert len(found["data"]["nodes"][0]["checkRuns"]["nodes"]) == 2
    client.close()


def _refuses(url: str) -> bool:
    try:
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_it_stops_with_the_block_however_that_ends(folder: Path, error: type[BaseException]) -> None:
    served: list[Forge] = []

    def interrupted() -> None:
        with serve(folder) as forge:
            served.append(forge)
            connection = http.client.HTTPConnection(urlsplit(forge.url).netloc, timeout=30)
            connection.request("GET", SHOP)  # its answer is never read
            raise error

    with pytest.raises(error):
        interrupted()
    assert _refuses(served[0].url)
    assert _refuses(served[0].blob_url)


SERVING = """
import signal
import sys
from pathlib import Path
from pipelinedoctor.simulate.forge import serve

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where the tests run in the background
    with serve(Path(sys.argv[1])) as forge:
        print(forge.url, flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_it_dies_with_its_parent(folder: Path, tmp_path: Path, how: signal.Signals) -> None:
    script = tmp_path / "serving.py"
    script.write_text(SERVING)
    command = [sys.executable, str(script), str(folder)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        assert not _refuses(url)
        os.kill(parent.pid, how)
        parent.wait(30)
        for _ in range(300):
            if _refuses(url):
                return
            time.sleep(0.1)
    pytest.fail("the forge still answers, half a minute after its parent was killed")


def test_ctrl_c_of_the_whole_group_ends_it_without_a_word_of_its_own(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "serving.py"
    script.write_text(SERVING)
    parent = subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with parent:
        assert parent.stdout is not None
        url = parent.stdout.readline().strip()
        os.killpg(parent.pid, signal.SIGINT)
        _, said = parent.communicate(timeout=30)
    assert _refuses(url)
    assert said.count("Traceback") == 1, said


INTERRUPTED = """
import os
import signal
import sys
from multiprocessing import process
from pathlib import Path
from pipelinedoctor.simulate.forge import serve

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    start = process.BaseProcess.start

    def interrupted(self):
        start(self)
        os.kill(self.pid, signal.SIGINT)

    process.BaseProcess.start = interrupted
    with serve(Path(sys.argv[1])) as forge:
        print(forge.host, flush=True)
"""


def test_ctrl_c_in_its_first_moment_is_not_its_own_affair(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED)
    done = subprocess.run(
        [sys.executable, str(script), str(folder)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "github.com\n", "")


def test_what_is_no_recording_is_told_as_in_this_process(tmp_path: Path) -> None:
    (tmp_path / "runs.jsonl").write_text("nonsense\n")
    with pytest.raises(UsageError, match=r"runs\.jsonl:1: not a JSON object"), serve(tmp_path):
        pytest.fail("served what is no recording")


def test_nothing_of_this_machine_is_in_an_answer(forge: Forge, folder: Path) -> None:
    answer = get(forge, f"{SHOP}/actions/runs")
    assert str(folder) not in json.dumps([answer.text, dict(answer.headers)])
    assert "Server" not in answer.headers
