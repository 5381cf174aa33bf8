"""What the loopback GitLab answers, held to GitLab's own schemas, its documentation's examples and real bodies.

The schemas and examples lie in `gitlab_contract/` of the real data, the bodies in `devlake/`, where another project keeps what
GitLabs answered it between 2019 and 2024.
"""

import csv
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pipelinedoctor.simulate.gitlab.routes import GitLabApi
from pipelinedoctor.simulate.organisation import Scale, write_organisation
from tests.helpers.gitlab_loopback import SHOP, api_of, body, ids
from tests.helpers.gitlab_recordings import case, change, deployment, job, pipeline, write_gitlab

Body = dict[str, Any]
RAW = "backend/plugins/gitlab/e2e/raw_tables/_raw_gitlab_api_{}.csv"
GONE = {
    "user.skype": "taken out of GitLab",
    "user.bio_html": "taken out of GitLab",
    "allow_collaboration": "only of merge requests from forks",
    "allow_maintainer_to_push": "only of merge requests from forks",
}
STATUSES = ("success", "failed", "canceled", "skipped", "running", "pending", "manual", "created")


def tiny(folder: Path) -> Path:
    jobs = [job(status, status, trace="boom", files={"a": "b"}) for status in STATUSES]
    report = {"test": [case("a"), case("b", "failed", output="boom"), case("c", "skipped")]}
    child = pipeline(2, source="parent_pipeline", jobs=[job()])
    notes = [{"body": "hm", "created_at": "2026-01-04T10:00:00.000Z"}]
    return write_gitlab(
        folder,
        [pipeline(1, jobs=jobs, report=report, children=[child])],
        changes=[change(1, commits=["a" * 40], notes=notes), change(2, state="opened", merged=None)],
        deployments=[deployment(1, changes=[1])],
        commits=["a" * 40],
        tags={"v1": "a" * 40},
    )


def simulated(folder: Path) -> Path:
    write_organisation(folder, seed=1, scale=Scale(repositories=1, weeks=4, changes_a_day=0.6))
    return folder / "gitlab"


@pytest.fixture(scope="module", params=[tiny, simulated], ids=lambda make: make.__name__)
def api(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> GitLabApi:
    make: Callable[[Path], Path] = request.param
    return api_of(make(tmp_path_factory.mktemp("recording")))


@pytest.fixture(scope="module")
def contract(data: Path) -> Path:
    folder = data / "gitlab_contract"
    if not folder.is_dir():
        pytest.skip(f"GitLab's schemas absent: no folder {folder}")
    return folder


@pytest.fixture(scope="module")
def project(api: GitLabApi) -> str:
    (number,) = ids(api, "/projects")
    return f"/projects/{number}"


def listed(api: GitLabApi, target: str) -> list[Body]:
    """All of a list."""
    found: list[Body] = []
    page = body(api, f"{target}{'&' if '?' in target else '?'}per_page=100")
    while page:
        found += page
        page = (
            body(api, f"{target}{'&' if '?' in target else '?'}per_page=100&page={len(found) // 100 + 1}")
            if len(page) == 100
            else []
        )
    return found


def schema(contract: Path, name: str) -> Any:
    """A schema of GitLab's, as far as it is here and means what it says.

    What it refers to is an object, but for pipelines. `date` is no type of JSON. Of pipelines it allows no more than four keys,
    which no GitLab of the last ten years keeps to, and of jobs it forgot why they failed.
    """
    whole = json.loads((contract / f"{name}.schema.json").read_text(encoding="utf-8"))
    if name == "pipeline_basic":
        whole.pop("additionalProperties")
    if name == "job":
        whole["properties"]["failure_reason"] = {"type": "string"}
    return _resolved(contract, whole)


def _resolved(contract: Path, node: Any) -> Any:
    if isinstance(node, list):
        return [_resolved(contract, one) for one in node]
    if not isinstance(node, dict):
        return "string" if node == "date" else node
    target = node.get("$ref")
    if target in ("basic.json", "pipeline/basic.json"):
        return schema(contract, "pipeline_basic")
    return {"type": "object"} if target else {key: _resolved(contract, value) for key, value in node.items()}


def test_jobs_are_as_the_schema_has_them(api: GitLabApi, contract: Path, project: str) -> None:
    validator = jsonschema.Draft7Validator(schema(contract, "job"))
    jobs = listed(api, f"{project}/jobs")
    assert len(jobs) > len(STATUSES)
    for one in jobs:
        validator.validate(one)
        assert ("failure_reason" in one) == (one["status"] == "failed")


def test_pipelines_are_as_the_schemas_have_them(api: GitLabApi, contract: Path, project: str) -> None:
    basic, detail = (
        jsonschema.Draft7Validator(schema(contract, name)) for name in ("pipeline_basic", "pipeline_detail")
    )
    pipelines = [*listed(api, f"{project}/pipelines"), *listed(api, f"{project}/pipelines?source=parent_pipeline")]
    for one in pipelines:
        basic.validate(one)
    for one in pipelines[:20]:
        detail.validate(body(api, f"{project}/pipelines/{one['id']}"))


def answers(api: GitLabApi, project: str) -> dict[str, Body]:
    """One body of each kind, of something that failed where there is such a thing."""
    jobs = listed(api, f"{project}/jobs?scope[]=failed")
    one = next(job for job in jobs if job["artifacts"] and job["runner"])
    here = f"{project}/pipelines/{one['pipeline']['id']}"
    report = body(api, f"{here}/test_report")
    assert report["test_suites"]
    return {
        "GET /projects/:id/pipelines": listed(api, f"{project}/pipelines")[0],
        "GET /projects/:id/pipelines/:pipeline_id": body(api, here),
        "GET /projects/:id/pipelines/:pipeline_id/test_report": report,
        "GET /projects/:id/pipelines/:pipeline_id/test_report_summary": body(api, f"{here}/test_report_summary"),
        "GET /projects/:id/jobs (one element)": one,
    }


def lacking(theirs: Any, ours: Any, place: str = "") -> Iterator[str]:
    """The keys that their body has and ours has not, all the way down; of a list its first element counts."""
    if isinstance(theirs, list) and isinstance(ours, list) and theirs and ours:
        yield from lacking(theirs[0], ours[0], place)
    if not isinstance(theirs, dict) or not isinstance(ours, dict):
        return
    for key, value in theirs.items():
        here = f"{place}.{key}".lstrip(".")
        if key not in ours:
            yield here
        else:
            yield from lacking(value, ours[key], here)


def test_documented_keys_are_there(api: GitLabApi, contract: Path, project: str) -> None:
    examples = json.loads((contract / "doc_examples.json").read_text(encoding="utf-8"))
    found = answers(api, project)
    for name, ours in found.items():
        theirs = examples.pop(name)
        assert list(lacking(theirs[0] if isinstance(theirs, list) else theirs, ours)) == [], name
    assert examples.keys() == {"source"}


@pytest.fixture(scope="module")
def raw(data: Path) -> Callable[[str], list[Body]]:
    path = data / "devlake" / "devlake_e2e.tar.xz"
    if not path.is_file():
        pytest.skip(f"DevLake's raw rows absent: no file {path}")
    names = ("job", "deployments", "pipeline", "pipeline_details", "merge_requests", "merge_request_notes")
    found: dict[str, list[Body]] = {}
    with tarfile.open(path) as archive:
        for member in archive:
            name = next((name for name in (*names, "merge_request_commits") if member.name == RAW.format(name)), None)
            opened = archive.extractfile(member) if name else None
            if name and opened:
                rows = csv.DictReader(io.StringIO(opened.read().decode("utf-8")))
                found[name] = [json.loads(row["data"]) for row in rows]
    return found.__getitem__


def test_real_bodies_have_no_key_that_ours_lack(api: GitLabApi, raw: Callable[[str], list[Body]], project: str) -> None:
    found = answers(api, project)
    merged = listed(api, f"{project}/merge_requests?state=merged")[0]
    here = f"{project}/merge_requests/{merged['iid']}"
    failed = found["GET /projects/:id/jobs (one element)"]
    shipped = listed(api, f"{project}/deployments")[0]
    ours = {
        "job": failed,
        "deployments": {**shipped, "deployable": failed},
        "pipeline": found["GET /projects/:id/pipelines"],
        "pipeline_details": found["GET /projects/:id/pipelines/:pipeline_id"],
        "merge_requests": merged,
        "merge_request_notes": body(api, f"{here}/notes")[0],
        "merge_request_commits": body(api, f"{here}/commits")[0],
    }
    for name, one in ours.items():
        missing = {key.removeprefix("deployable.") for theirs in raw(name) for key in lacking(theirs, one)}
        assert missing - GONE.keys() == set(), name


def test_real_bodies_are_a_recording(raw: Callable[[str], list[Body]], tmp_path: Path) -> None:
    pipelines, details = raw("pipeline"), raw("pipeline_details")
    number = pipelines[0]["project_id"]
    executed = [
        {**job, "pipeline": {**job["pipeline"], "id": pipelines[0]["id"]}, "name": f"{place}"}
        for place, job in enumerate({job["id"]: job for job in raw("job")}.values())
    ]
    write_gitlab(tmp_path, projects={"acme/shop": {"id": number}})
    files: dict[str, list[Body]] = {
        "pipelines": [{"pipeline": {**one, "project_id": number}} for one in (*pipelines, *details)],
        "jobs": [{"jobs": executed}],
        "deployments": [{"project_id": number, "deployment": one} for one in raw("deployments")],
        "merge_requests": [
            {"merge_request": one, "notes": raw("merge_request_notes")} for one in raw("merge_requests")
        ],
    }
    for name, found in files.items():
        text = "".join(json.dumps(one) + "\n" for one in found)
        (tmp_path / f"{name}.jsonl").write_text(text, encoding="utf-8")
    api = api_of(tmp_path)
    assert listed(api, f"{SHOP}/jobs") == sorted(executed, key=lambda one: -one["id"])
    assert body(api, f"{SHOP}/pipelines/{details[0]['id']}") == {**details[0], "project_id": number}
    assert {one["id"] for one in listed(api, f"{SHOP}/pipelines?order_by=updated_at")} == {
        one["id"] for one in (*pipelines, *details) if one["source"] != "parent_pipeline"
    }
    assert len(listed(api, f"{SHOP}/deployments")) == len(raw("deployments"))
    merged = [one["iid"] for one in raw("merge_requests") if one["state"] == "merged"]
    assert sorted(one["iid"] for one in listed(api, f"{SHOP}/merge_requests?state=merged")) == sorted(set(merged))
