"""Bodies as GitLab's REST API gives them today, whole: each function takes what is particular, and fills in the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

Body = dict[str, Any]
Facts = Mapping[str, Any]
_WORDS = {"success": "passed"}
"""Where GitLab calls a status otherwise than itself."""
_ENDINGS = ("zip", "tar.gz", "tar.bz2", "tar")


@dataclass(frozen=True, slots=True)
class Site:
    """Where a project is: its host, its id and its path."""

    host: str
    id: int
    path: str

    @property
    def web(self) -> str:
        """Its page."""
        return f"https://{self.host}/{self.path}"

    @property
    def api(self) -> str:
        """Its place in the API."""
        return f"https://{self.host}/api/v4/projects/{self.id}"


@cache
def _number(name: str) -> int:
    """An id that is the same for the same name."""
    return int.from_bytes(name.encode(), "big") % 1_000_003 + 1


def user_body(host: str, name: str) -> Body:
    """A user, in the short form."""
    username = name.lower()
    return {
        "id": _number(username), "username": username, "name": name, "state": "active", "locked": False,
        "avatar_url": f"https://{host}/uploads/-/system/user/avatar/{_number(username)}/avatar.png",
        "web_url": f"https://{host}/{username}",
    }  # fmt: skip


def full_user_body(host: str, name: str) -> Body:
    """A user, in the form that jobs have."""
    empty = ("bio", "location", "linkedin", "twitter", "discord", "website_url", "github", "job_title")
    return user_body(host, name) | {
        "created_at": "2023-02-01T09:00:00.000Z", "public_email": None, **dict.fromkeys(empty, ""),
        "organization": "", "pronouns": None, "bot": False, "work_information": None, "followers": 0, "following": 0,
        "local_time": None,
    }  # fmt: skip


def project_body(site: Site, facts: Facts) -> Body:
    """A project."""
    namespace, _, name = site.path.rpartition("/")
    group = namespace.rpartition("/")[2]
    return {
        "id": site.id, "description": None, "name": name, "name_with_namespace": site.path.replace("/", " / "),
        "path": name, "path_with_namespace": site.path, "created_at": "2023-02-01T09:00:00.000Z",
        "default_branch": "main", "tag_list": [], "topics": [], "ssh_url_to_repo": f"git@{site.host}:{site.path}.git",
        "http_url_to_repo": f"{site.web}.git", "web_url": site.web, "readme_url": f"{site.web}/-/blob/main/README.md",
        "forks_count": 0, "avatar_url": None, "star_count": 0, "last_activity_at": "2023-02-01T09:00:00.000Z",
        "namespace": {
            "id": _number(namespace), "name": group, "path": group, "kind": "group", "full_path": namespace,
            "parent_id": None, "avatar_url": None, "web_url": f"https://{site.host}/groups/{namespace}",
        },
        "_links": {
            "self": site.api,
            **{what: f"{site.api}/{what}" for what in ("issues", "merge_requests", "labels", "events", "members")},
        },
        "empty_repo": False, "archived": False, "visibility": "private", "issues_enabled": True,
        "merge_requests_enabled": True, "jobs_enabled": True, "builds_access_level": "enabled",
        "shared_runners_enabled": True, "creator_id": 1, "import_status": "none", "open_issues_count": 0,
        "ci_default_git_depth": 20, "public_jobs": True, "build_timeout": 3600, "merge_method": "merge",
        **facts,
    }  # fmt: skip


def commit_body(site: Site, sha: str, facts: Facts) -> Body:
    """A commit; `facts` hold at least `message`, `author_name` and `committed_date`."""
    author, at = facts["author_name"], facts["committed_date"]
    mail = f"{author.lower()}@{site.host}"
    return {
        "id": sha, "short_id": sha[:8], "created_at": at, "parent_ids": [],
        "title": facts["message"].partition("\n")[0], "message": facts["message"],
        "author_name": author, "author_email": mail, "authored_date": at,
        "committer_name": author, "committer_email": mail, "committed_date": at,
        "trailers": {}, "extended_trailers": {}, "web_url": f"{site.web}/-/commit/{sha}",
        **facts,
    }  # fmt: skip


def pipeline_body(site: Site, facts: Facts) -> Body:
    """A pipeline; `facts` hold at least `id`, `iid`, `sha`, `ref`, `status`, `source`, `created_at` and `user`."""
    url = f"{site.web}/-/pipelines/{facts['id']}"
    word = str(_WORDS.get(facts["status"], facts["status"]))
    names = ("id", "iid", "sha", "ref", "status", "source", "created_at")
    return {
        "id": facts["id"], "iid": facts["iid"], "project_id": site.id, **{name: facts[name] for name in names[2:]},
        "updated_at": facts["created_at"], "web_url": url, "before_sha": "0" * 40, "tag": False, "yaml_errors": None,
        "user": None, "started_at": None, "finished_at": None, "committed_at": None, "duration": None,
        "queued_duration": None, "coverage": None,
        "detailed_status": {
            "icon": f"status_{facts['status']}", "text": word.capitalize(), "label": word, "group": facts["status"],
            "tooltip": word, "has_details": False, "details_path": f"/{site.path}/-/pipelines/{facts['id']}",
            "illustration": None, "favicon": f"/assets/ci_favicons/favicon_status_{facts['status']}.png",
        },
        "archived": False, "name": None,
        **facts,
    }  # fmt: skip


_EMBEDDED = ("id", "iid", "project_id", "sha", "ref", "status", "source", "created_at", "updated_at", "web_url")


def _basic_job(site: Site, pipeline: Body, commit: Body, facts: Facts) -> Body:
    reason = {"failure_reason": facts.get("failure_reason", "script_failure")} if facts["status"] == "failed" else {}
    return {
        "id": facts["id"], "status": facts["status"], "stage": "test", "name": facts["name"], "ref": pipeline["ref"],
        "tag": pipeline["tag"], "coverage": None, "allow_failure": False, "created_at": pipeline["created_at"],
        "started_at": None, "finished_at": None, "erased_at": None, "duration": None, "queued_duration": None,
        "user": full_user_body(site.host, commit["author_name"]), "commit": commit,
        "pipeline": {name: pipeline[name] for name in _EMBEDDED}, **reason,
        "web_url": f"{site.web}/-/jobs/{facts['id']}", "project": {"ci_job_token_scope_enabled": False},
    }  # fmt: skip


def job_body(site: Site, pipeline: Body, commit: Body, facts: Facts) -> Body:
    """A job; `facts` hold at least `id`, `name`, `status`. `failure_reason` is there only where it failed."""
    rest: Body = {
        "artifacts": [], "runner": None, "runner_manager": None, "artifacts_expire_at": None, "archived": False,
        "tag_list": [],
    }  # fmt: skip
    return {**_basic_job(site, pipeline, commit, facts), **rest, **facts}


def bridge_body(site: Site, pipeline: Body, commit: Body, facts: Facts) -> Body:
    """A job that starts another pipeline; `facts` as a job's, and `downstream_pipeline`, which may be a whole body."""
    downstream = facts["downstream_pipeline"]
    short = None if downstream is None else {name: downstream[name] for name in _EMBEDDED}
    return {**_basic_job(site, pipeline, commit, facts), **facts, "downstream_pipeline": short}


def runner_body(number: int) -> Body:
    """A runner that all share."""
    return {
        "id": number, "description": f"shared-{number}", "ip_address": None, "active": True, "paused": False,
        "is_shared": True, "runner_type": "instance_type", "name": "gitlab-runner", "online": True, "created_by": None,
        "created_at": "2023-02-01T09:00:00.000Z", "status": "online", "job_execution_status": "idle",
    }  # fmt: skip


def artifact_bodies(log: int | None, files: int | None, report: int | None) -> dict[str, Any]:
    """What a job left behind, by the sizes of its log, its archive and its test report."""
    sizes = (
        ("archive", files, "artifacts.zip", "zip"),
        ("trace", log, "job.log", None),
        ("junit", report, "junit.xml.gz", "gzip"),
    )
    listed = [
        {"file_type": kind, "size": size, "filename": name, "file_format": form}
        for kind, size, name, form in sizes
        if size is not None
    ]
    archive = {} if files is None else {"artifacts_file": {"filename": "artifacts.zip", "size": files}}
    return {"artifacts": listed, **archive}


def change_body(site: Site, facts: Facts) -> Body:
    """A merge request; `facts` hold at least `id`, `iid`, `title`, `state`, `created_at`, `sha`, `author`, `source_branch`."""
    iid = facts["iid"]
    nothing = ("merged_by", "merge_user", "merged_at", "closed_by", "closed_at", "assignee", "milestone", "merge_after",
               "merge_commit_sha", "squash_commit_sha", "discussion_locked", "should_remove_source_branch")  # fmt: skip
    times = {"time_estimate": 0, "total_time_spent": 0, "human_time_estimate": None, "human_total_time_spent": None}
    return {
        "id": facts["id"], "iid": iid, "project_id": site.id, "title": facts["title"], "description": "",
        "state": facts["state"], "created_at": facts["created_at"], "updated_at": facts["created_at"],
        **dict.fromkeys(nothing), "target_branch": "main", "source_branch": facts["source_branch"],
        "user_notes_count": 0, "upvotes": 0, "downvotes": 0, "author": facts["author"], "assignees": [],
        "reviewers": [], "source_project_id": site.id, "target_project_id": site.id, "labels": [], "draft": False,
        "work_in_progress": False, "imported": False, "merge_when_pipeline_succeeds": False,
        "merge_status": "can_be_merged", "detailed_merge_status": "mergeable", "sha": facts["sha"],
        "force_remove_source_branch": True, "reference": f"!{iid}",
        "references": {"short": f"!{iid}", "relative": f"!{iid}", "full": f"{site.path}!{iid}"},
        "web_url": f"{site.web}/-/merge_requests/{iid}", "time_stats": times, "squash": False,
        "squash_on_merge": False, "task_completion_status": {"count": 0, "completed_count": 0},
        "has_conflicts": False, "blocking_discussions_resolved": True, "approvals_before_merge": None,
        **facts,
    }  # fmt: skip


def note_body(change: Body, facts: Facts) -> Body:
    """What somebody, or GitLab itself (`system`), said of a merge request; at least `id`, `body`, `author`, `created_at`."""
    return {
        "id": facts["id"], "type": None, "body": facts["body"], "author": facts["author"],
        "created_at": facts["created_at"], "updated_at": facts["created_at"], "system": False,
        "noteable_id": change["id"], "noteable_type": "MergeRequest", "project_id": change["project_id"],
        "resolvable": False, "confidential": False, "internal": False, "imported": False,
        "noteable_iid": change["iid"], "commands_changes": {}, "attachment": None,
        **facts,
    }  # fmt: skip


def approvals_body(change: Body, by: Sequence[Body]) -> Body:
    """Who approved a merge request."""
    names = ("id", "iid", "project_id", "title", "description", "state", "created_at", "updated_at", "merge_status")
    return {
        **{name: change[name] for name in names}, "approved": bool(by), "approvals_required": 1,
        "approvals_left": 0 if by else 1, "require_password_to_approve": False,
        "approved_by": [{"user": user} for user in by], "suggested_approvers": [], "approvers": [],
        "approver_groups": [], "user_has_approved": False, "user_can_approve": False, "approval_rules_left": [],
        "has_approval_rules": True, "merge_request_approvers_available": False,
        "multiple_approval_rules_available": False,
    }  # fmt: skip


def environment_body(site: Site, number: int, name: str) -> Body:
    """An environment."""
    made = "2023-02-01T09:00:00.000Z"
    return {
        "id": number, "name": name, "slug": name, "external_url": f"https://{name}.{site.host}", "created_at": made,
        "updated_at": made, "tier": name, "state": "available", "auto_stop_at": None, "auto_stop_setting": "always",
        "kubernetes_namespace": None, "flux_resource_path": None, "description": None,
        "enable_advanced_logs_querying": False,
    }  # fmt: skip


def deployment_body(environment: Body, job: Body | None, facts: Facts) -> Body:
    """A deployment; `facts` hold at least `id`, `iid`, `ref`, `sha`, `created_at`, `updated_at`, `status` and `user`."""
    names = ("id", "name", "slug", "external_url", "created_at", "updated_at")
    return {
        **{name: facts[name] for name in ("id", "iid", "ref", "sha", "created_at", "updated_at", "user")},
        "environment": {name: environment[name] for name in names}, "deployable": job, "status": facts["status"],
    }  # fmt: skip


def tag_body(name: str, commit: Body) -> Body:
    """A tag."""
    return {
        "commit": commit, "name": name, "message": "", "target": commit["id"], "release": None, "protected": False,
        "created_at": None,
    }  # fmt: skip


def release_body(site: Site, name: str, commit: Body, author: Body) -> Body:
    """The release of a tag."""
    at, url = commit["committed_date"], f"{site.web}/-/releases/{name}"
    project = site.path.rpartition("/")[2]
    sources = [{"format": end, "url": f"{site.web}/-/archive/{name}/{project}-{name}.{end}"} for end in _ENDINGS]
    return {
        "tag_name": name, "description": "", "name": name, "created_at": at, "released_at": at,
        "upcoming_release": False, "author": author, "commit": commit,
        "commit_path": f"/{site.path}/-/commit/{commit['id']}", "tag_path": f"/{site.path}/-/tags/{name}",
        "assets": {"count": len(sources), "sources": sources, "links": []}, "evidences": [],
        "_links": {"edit_url": f"{url}/edit", "self": url},
    }  # fmt: skip


_COUNTS = {"success": "success_count", "failed": "failed_count", "skipped": "skipped_count", "error": "error_count"}


def case_body(classname: str, name: str, seconds: float, facts: Facts) -> Body:
    """A test of a suite: it succeeded, unless `facts` say otherwise."""
    return {
        "status": "success", "name": name, "classname": classname, "file": None, "execution_time": seconds,
        "system_output": None, "stack_trace": None, "recent_failures": None,
        **facts,
    }  # fmt: skip


def report_body(suites: Mapping[str, Sequence[Body]]) -> Body:
    """The test report of a pipeline: the tests of each job by its name."""
    listed: list[Body] = [
        {"name": name, **_counted(cases), "suite_error": None, "test_cases": list(cases)}
        for name, cases in suites.items()
    ]
    return {**_counted([case for cases in suites.values() for case in cases]), "test_suites": listed}


def _counted(cases: Sequence[Body]) -> Body:
    counts = {key: sum(case["status"] == status for case in cases) for status, key in _COUNTS.items()}
    return {
        "total_time": round(sum(case["execution_time"] for case in cases), 3),
        "total_count": len(cases),
        **counts,
    }
