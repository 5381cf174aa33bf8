"""Bodies as GitHub's REST API gives them, as JSON text. What is the same in many bodies is serialised once and spliced in.

The fields are those that GitHub's API description requires, and the few others that are read.
"""

import base64
import json
from functools import cache
from typing import Any

from pipelinedoctor.simulate.changes import Commit, Trigger
from pipelinedoctor.simulate.clock import AS_OF, stamp
from pipelinedoctor.simulate.delivery_bodies import Place
from pipelinedoctor.simulate.execution import Execution, Run
from pipelinedoctor.simulate.plan import DEPLOY, HOST, ORGANISATION, PipelinePlan, RepositoryPlan

WEB = f"https://{HOST}"
API = f"{WEB}/api/v3"
_COMMON_URLS = (
    "archive_url:/{archive_format}{/ref}", "assignees_url:/assignees{/user}", "blobs_url:/git/blobs{/sha}",
    "branches_url:/branches{/branch}", "collaborators_url:/collaborators{/collaborator}",
    "comments_url:/comments{/number}", "commits_url:/commits{/sha}", "compare_url:/compare/{base}...{head}",
    "contents_url:/contents/{+path}", "contributors_url:/contributors", "deployments_url:/deployments",
    "downloads_url:/downloads", "events_url:/events", "forks_url:/forks", "git_commits_url:/git/commits{/sha}",
    "git_refs_url:/git/refs{/sha}", "git_tags_url:/git/tags{/sha}", "hooks_url:/hooks",
    "issue_comment_url:/issues/comments{/number}", "issue_events_url:/issues/events{/number}",
    "issues_url:/issues{/number}", "keys_url:/keys{/key_id}", "labels_url:/labels{/name}", "languages_url:/languages",
    "merges_url:/merges", "milestones_url:/milestones{/number}", "notifications_url:/notifications{?since,all}",
    "pulls_url:/pulls{/number}", "releases_url:/releases{/id}", "stargazers_url:/stargazers",
    "statuses_url:/statuses/{sha}", "subscribers_url:/subscribers", "subscription_url:/subscription",
    "tags_url:/tags", "teams_url:/teams", "trees_url:/git/trees{/sha}",
)  # fmt: skip


_REPOSITORY_URLS = tuple(entry.partition(":")[::2] for entry in _COMMON_URLS)
_STEPS = ("Set up job", "Check out", "Prepare environment", "Run {name}")
_FAILS_EARLY = {"network": 1, "registry down": 2, "npm reset": 2, "rate limit": 2}


def _node(kind: str, number: int) -> str:
    return f"{kind}_{base64.urlsafe_b64encode(number.to_bytes(8)).decode().rstrip('=')}"


def text(value: object) -> str:
    """A value as JSON in its shortest form."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@cache
def user(login: str, kind: str = "User") -> dict[str, Any]:
    """A user, or another `kind` of account, in the short form that other bodies embed."""
    url = f"{API}/users/{login}"
    number = 4_000 + sum(map(ord, login))
    return {
        "login": login, "id": number, "node_id": _node("U", number), "avatar_url": f"{WEB}/avatars/u/{number}",
        "gravatar_id": "", "url": url, "html_url": f"{WEB}/{login}", "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}", "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}", "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs", "repos_url": f"{url}/repos", "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events", "type": kind, "site_admin": False,
    }  # fmt: skip


def _minimal(repository: RepositoryPlan) -> dict[str, Any]:
    url = f"{API}/repos/{repository.full_name}"
    return {
        "id": repository.id, "node_id": _node("R", repository.id), "name": repository.name,
        "full_name": repository.full_name, "private": True, "owner": user(ORGANISATION, "Organization"),
        "html_url": f"{WEB}/{repository.full_name}", "description": None, "fork": False, "url": url,
        **{name: url + path for name, path in _REPOSITORY_URLS},
    }  # fmt: skip


@cache
def _minimal_text(repository: RepositoryPlan) -> str:
    return text(_minimal(repository))


def repository_body(repository: RepositoryPlan) -> str:
    """`GET /repos/{owner}/{repo}`: a full repository."""
    web = f"{WEB}/{repository.full_name}"
    whole = _minimal(repository) | {
        "git_url": f"git://{HOST}/{repository.full_name}.git", "ssh_url": f"git@{HOST}:{repository.full_name}.git",
        "clone_url": f"{web}.git", "mirror_url": None, "svn_url": web, "homepage": None,
        "language": repository.language, "forks_count": 0, "stargazers_count": 0, "watchers_count": 0, "size": 1024,
        "default_branch": "main", "open_issues_count": 0, "is_template": False, "topics": [repository.language, "service" if _deploys(repository) else "library"], "has_issues": True,
        "has_projects": False, "has_wiki": True, "has_pages": False, "has_downloads": False, "has_discussions": False,
        "archived": False, "disabled": False, "visibility": "private", "pushed_at": stamp(AS_OF),
        "created_at": "2023-02-01T09:00:00Z", "updated_at": stamp(AS_OF), "license": None, "forks": 0,
        "open_issues": 0, "watchers": 0, "network_count": 0, "subscribers_count": 0,
    }  # fmt: skip
    return text(whole)


def _deploys(repository: RepositoryPlan) -> bool:
    return any(pipeline.path == DEPLOY for pipeline in repository.pipelines)


@cache
def place(repository: RepositoryPlan) -> Place:
    """A repository as bodies of what happens in it need it."""
    return Place(
        json.loads(repository_body(repository)),
        lambda login: user(login, "Organization" if login == ORGANISATION else "User"),
    )


def _person(name: str) -> str:
    return f'{{"name":"{name}","email":"{name.lower()}@{ORGANISATION}.invalid"}}'


def workflow_id(repository: RepositoryPlan, pipeline: PipelinePlan) -> int:
    """The forge's id of a pipeline of a repository."""
    return repository.id * 10 + repository.pipelines.index(pipeline)


def run_body(run: Run) -> str:
    """A run as `GET /repos/{owner}/{repo}/actions/runs` lists it: first attempt's birth, newest attempt's outcome."""
    trigger = run.trigger
    repository, pipeline, commit = trigger.repository, trigger.pipeline, trigger.commit
    url = f"{API}/repos/{repository.full_name}"
    one = f"{url}/actions/runs/{run.id}"
    workflow = workflow_id(repository, pipeline)
    suite = run.id + 17
    attempt = len(run.attempts)
    previous = f'"{one}/attempts/{attempt - 1}"' if attempt > 1 else "null"
    minimal = _minimal_text(repository)
    # A pipeline file that does not parse has no name to show: the forge shows its path.
    name = pipeline.path if run.conclusion == "startup_failure" else pipeline.name
    return (
        f'{{"id":{run.id},"name":{text(name)},"node_id":"{_node("WFR", run.id)}","head_branch":"{trigger.branch}",'
        f'"head_sha":"{commit.sha}","path":"{pipeline.path}","display_title":{text(commit.message)},'
        f'"run_number":{run.number},"event":"{trigger.event}","status":"{run.status}",'
        f'"conclusion":{text(run.conclusion)},"workflow_id":{workflow},"check_suite_id":{suite},'
        f'"check_suite_node_id":"{_node("CS", suite)}","url":"{one}",'
        f'"html_url":"{WEB}/{repository.full_name}/actions/runs/{run.id}","pull_requests":{_pull_requests(trigger)},'
        f'"created_at":"{stamp(trigger.at)}","updated_at":"{stamp(run.updated)}","actor":{_user_text(commit.author)},'
        f'"run_attempt":{attempt},"referenced_workflows":[],"run_started_at":"{stamp(run.attempts[-1].started)}",'
        f'"jobs_url":"{one}/jobs","logs_url":"{one}/logs","check_suite_url":"{url}/check-suites/{suite}",'
        f'"artifacts_url":"{one}/artifacts","cancel_url":"{one}/cancel","rerun_url":"{one}/rerun",'
        f'"previous_attempt_url":{previous},"workflow_url":"{url}/actions/workflows/{workflow}",'
        f'"head_commit":{_head_commit(commit)},"repository":{minimal},"head_repository":{minimal}}}'
    )


@cache
def _user_text(name: str) -> str:
    return text(user(name.lower()))


def _head_commit(commit: Commit) -> str:
    person = _person(commit.author)
    return (
        f'{{"id":"{commit.sha}","tree_id":"{commit.tree}","message":{text(commit.message)},'
        f'"timestamp":"{stamp(commit.at)}","author":{person},"committer":{person}}}'
    )


def _pull_requests(trigger: Trigger) -> str:
    if trigger.number is None:
        return "[]"
    repository = trigger.repository
    url = f"{API}/repos/{repository.full_name}"
    repo = f'{{"id":{repository.id},"url":"{url}","name":"{repository.name}"}}'
    return (
        f'[{{"url":"{url}/pulls/{trigger.number}","id":{repository.id * 1_000 + trigger.number},"number":{trigger.number},'
        f'"head":{{"ref":"{trigger.branch}","sha":"{trigger.commit.sha}","repo":{repo}}},'
        f'"base":{{"ref":"main","sha":"{trigger.base_sha}","repo":{repo}}}}}]'
    )


def job_bodies(run: Run) -> str:
    """The executions of all attempts of a run, as `GET …/runs/{id}/jobs?filter=all` gives them: a JSON array."""
    return (
        "[" + ",".join(_job(run, number, job) for number, one in enumerate(run.attempts, 1) for job in one.jobs) + "]"
    )


def _job(run: Run, attempt: int, job: Execution) -> str:
    trigger = run.trigger
    full_name = trigger.repository.full_name
    url = f"{API}/repos/{full_name}"
    began = (
        job.conclusion != "skipped"
        and job.status != "queued"
        and not (job.conclusion == "cancelled" and job.started == job.completed)
    )
    runner = job.id % 89 + 1
    where = (
        f'{runner},"runner_name":"hosted-{runner}","runner_group_id":2'
        if began
        else 'null,"runner_name":null,"runner_group_id":null'
    )
    completed = "null" if job.completed is None else f'"{stamp(job.completed)}"'
    return (
        f'{{"id":{job.id},"run_id":{run.id},"workflow_name":"{trigger.pipeline.name}","head_branch":"{trigger.branch}",'
        f'"run_url":"{url}/actions/runs/{run.id}","run_attempt":{attempt},"node_id":"{_node("CR", job.id)}",'
        f'"head_sha":"{trigger.commit.sha}","url":"{url}/actions/jobs/{job.id}",'
        f'"html_url":"{WEB}/{full_name}/actions/runs/{run.id}/job/{job.id}","status":"{job.status}",'
        f'"conclusion":{text(job.conclusion)},"created_at":"{stamp(job.created)}","started_at":"{stamp(job.started)}",'
        f'"completed_at":{completed},"name":{text(job.name)},"steps":{_steps(job) if began else "[]"},'
        f'"check_run_url":"{url}/check-runs/{job.id}","labels":["{job.plan.label}"],"runner_id":{where},'
        f'"runner_group_name":{_GROUP if began else "null"}}}'
    )


_GROUP = '"hosted"'


def failed_step(job: Execution) -> int:
    """Index of the step that failed, in a job that did."""
    return _FAILS_EARLY.get(job.failure.kind, 3) if job.failure is not None else -1


def step_name(job: Execution, index: int) -> str:
    """Name of a step of a job."""
    return _STEPS[index].format(name=job.plan.tool)


def _steps(job: Execution) -> str:
    end = job.completed if job.completed is not None else AS_OF
    seconds = end - job.started
    times = (0, 2, 5, max(5, seconds // 6), seconds)
    bad = failed_step(job)
    steps = []
    for index in range(len(_STEPS)):
        begin, over = (job.started + min(times[index + side], seconds) for side in (0, 1))
        if job.completed is None and index > 2:
            steps.append(_running_step(job, index, begin))
            break
        conclusion = "success"
        if index == bad:
            conclusion = "failure"
        elif 0 <= bad < index:
            conclusion = "skipped"
        elif index == 3 and job.conclusion == "cancelled":
            conclusion = "cancelled"
        steps.append(
            f'{{"name":"{step_name(job, index)}","status":"completed","conclusion":"{conclusion}","number":{index + 1},'
            f'"started_at":"{stamp(begin)}","completed_at":"{stamp(over)}"}}'
        )
    return "[" + ",".join(steps) + "]"


def _running_step(job: Execution, index: int, begin: int) -> str:
    return (
        f'{{"name":"{step_name(job, index)}","status":"in_progress","conclusion":null,"number":{index + 1},'
        f'"started_at":"{stamp(begin)}","completed_at":null}}'
    )


def commit_body(repository: RepositoryPlan, commit: Commit) -> str:
    """A commit as `GET /repos/{owner}/{repo}/commits` lists it."""
    return text(commit_of(repository, commit))


def commit_of(repository: RepositoryPlan, commit: Commit) -> dict[str, Any]:
    """The same as an object."""
    url, web = f"{API}/repos/{repository.full_name}", f"{WEB}/{repository.full_name}"
    person = {"name": commit.author, "email": f"{commit.author.lower()}@{ORGANISATION}.invalid"}
    parents = [] if commit.parent is None else [commit.parent]
    return {
        "sha": commit.sha,
        "node_id": f"C_{commit.sha[:24]}",
        "commit": {
            "author": person | {"date": stamp(commit.authored)},
            "committer": person | {"date": stamp(commit.at)},
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": f"{url}/git/trees/{commit.tree}"},
            "url": f"{url}/git/commits/{commit.sha}",
            "comment_count": 0,
        },
        "url": f"{url}/commits/{commit.sha}",
        "html_url": f"{web}/commit/{commit.sha}",
        "comments_url": f"{url}/commits/{commit.sha}/comments",
        "author": user(commit.author.lower()),
        "committer": user(commit.author.lower()),
        "parents": [{"sha": sha, "url": f"{url}/commits/{sha}", "html_url": f"{web}/commit/{sha}"} for sha in parents],
    }
