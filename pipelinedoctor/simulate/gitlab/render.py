"""A simulated run as a pipeline of GitLab: a retry makes new jobs in the same pipeline, and there are no attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipelinedoctor.simulate.changes import Commit
from pipelinedoctor.simulate.clock import AS_OF, stamp
from pipelinedoctor.simulate.execution import Attempt, Execution, Run
from pipelinedoctor.simulate.gitlab import bodies
from pipelinedoctor.simulate.gitlab.bodies import Body, Site
from pipelinedoctor.simulate.gitlab.logtext import UNSTARTED
from pipelinedoctor.simulate.gitlab.plan import BRIDGE, CHILD, HOST, MAY_FAIL, STAGES
from pipelinedoctor.simulate.gitlab.sources import source_of

_STATUSES = {
    "success": "success",
    "failure": "failed",
    "timed_out": "failed",
    "cancelled": "canceled",
    "skipped": "skipped",
}
_WAITING = {"queued": "pending", "created": "created"}
_REASONS = {
    "timeout": "job_execution_timeout", "runner pool": "stuck_or_timeout_failure", "runner lost": "runner_system_failure",
    "registry down": "runner_system_failure", "rate limit": "runner_system_failure",
}  # fmt: skip
_NO_FILE = "jobs:build config contains unknown keys: scrpt"


@dataclass(slots=True)
class Made:
    """A pipeline with its jobs as GitLab has them, the newest execution of each last; `created` is when each was made.

    A job that was skipped, and is run after what it needs was retried, stays the same job.
    """

    run: Run
    iid: int
    jobs: list[Execution] = field(default_factory=list)
    created: list[int] = field(default_factory=list)
    parent: "Made | None" = None
    child: "Made | None" = None

    @classmethod
    def of(cls, run: Run, iid: int) -> "Made":
        """The jobs that GitLab would have of a run; the executions it would not have are taken out of the run."""
        made = cls(run, iid)
        for attempt in run.attempts:
            for job in attempt.jobs:
                place = made.skipped(job.plan.name)
                if place is None:
                    made.jobs.append(job)
                    made.created.append(attempt.started)
                else:
                    made.jobs[place] = job
        left = {id(job) for job in made.jobs}
        for attempt in run.attempts:
            attempt.jobs = [job for job in attempt.jobs if id(job) in left]
        if run.status == "in_progress":
            made.add_waiting(run.attempts[-1])
        return made

    def add_waiting(self, last: Attempt) -> None:
        """Add the jobs whose turn has not come: GitLab makes all with the pipeline."""
        known = {job.plan.name for job in self.jobs}
        waiting = [
            Execution(plan, plan.name, AS_OF, AS_OF, None, "created", None)
            for plan in self.run.trigger.pipeline.jobs
            if plan.name not in known
        ]
        last.jobs += waiting
        self.jobs += waiting
        self.created += [last.started] * len(waiting)

    def skipped(self, name: str) -> int | None:
        """The place of a job's newest execution, where that was skipped."""
        places = [place for place, job in enumerate(self.jobs) if job.plan.name == name]
        return places[-1] if places and self.jobs[places[-1]].conclusion == "skipped" else None

    def newest(self) -> list[Execution]:
        """The executions that were not retried."""
        return list({job.plan.name: job for job in self.jobs}.values())

    @property
    def site(self) -> Site:
        """Where its project is."""
        return site_of(self.run)

    @property
    def status(self) -> str:
        """How it stands: a job that may fail is no matter."""
        if self.run.status == "in_progress":
            return "running"
        if self.run.conclusion == "cancelled":
            return "canceled"
        ends = {_STATUSES.get(job.conclusion or "") for job in self.newest() if job.plan.name not in MAY_FAIL}
        return "failed" if "failed" in ends or not self.jobs else "success"


def site_of(run: Run) -> Site:
    """Where the project of a run is."""
    return Site(HOST, run.trigger.repository.id, run.trigger.repository.full_name)


def time(seconds: int) -> str:
    """A time as GitLab writes it."""
    return stamp(seconds, ".000Z")


def commit_body(site: Site, commit: Commit) -> Body:
    """A commit; what a pull request's number stands for, GitLab says in other words."""
    subject, _, number = commit.message.removesuffix(")").partition(" (#")
    message = f"{subject}\n\nSee merge request {site.path}!{number}" if number else subject
    facts = {
        "message": message,
        "author_name": commit.author,
        "committed_date": time(commit.at),
        "authored_date": time(commit.authored),
        "parent_ids": [commit.parent] if commit.parent else [],
    }
    return bodies.commit_body(site, commit.sha, facts)


def pipeline_body(made: Made) -> Body:
    """A pipeline in full."""
    run, trigger = made.run, made.run.trigger
    begun = [job.started for job in made.jobs if _began(job)]
    ended = [job.completed for job in made.jobs if job.completed is not None]
    over = made.status not in ("running", "pending")
    started = min(begun, default=None)
    finished = max(ended, default=run.updated) if over else None
    facts = {
        "id": run.id, "iid": made.iid, "sha": trigger.commit.sha, "ref": ref_of(run), "status": made.status,
        "source": source_of(trigger.pipeline.path, trigger.event),
        "created_at": time(trigger.at), "updated_at": time(run.updated),
        "user": bodies.user_body(HOST, trigger.commit.author),
        "yaml_errors": None if run.attempts[0].jobs else _NO_FILE,
    }  # fmt: skip
    if started is not None:
        facts |= {"started_at": time(started), "queued_duration": started - trigger.at}
        if finished is not None:
            facts |= {"duration": finished - started}
    if finished is not None:
        facts |= {"finished_at": time(finished)}
    return bodies.pipeline_body(made.site, facts)


def ref_of(run: Run) -> str:
    """What a pipeline ran for: a branch, or the head of a merge request."""
    return run.trigger.branch if run.trigger.number is None else f"refs/merge-requests/{run.trigger.number}/head"


def job_bodies(made: Made, pipeline: Body, sizes: Mapping[int, Mapping[str, int]]) -> list[Body]:
    """The jobs of a pipeline, retried ones too; `sizes` are those of what each left behind: `log`, `files`, `report`."""
    commit = commit_body(made.site, made.run.trigger.commit)
    return [
        bodies.job_body(made.site, pipeline, commit, _facts(made, place, sizes.get(job.id, {})))
        for place, job in enumerate(made.jobs)
    ]


def _facts(made: Made, place: int, sizes: Mapping[str, int]) -> Body:
    job = made.jobs[place]
    status = _STATUSES[job.conclusion] if job.conclusion else _WAITING.get(job.status, "running")
    facts: Body = {
        "id": job.id, "name": job.name, "status": status, "stage": STAGES.get(job.plan.name, "test"),
        "created_at": time(made.created[place]), "allow_failure": job.plan.name in MAY_FAIL, "tag_list": [job.plan.label],
        **bodies.artifact_bodies(sizes.get("log"), sizes.get("files"), sizes.get("report")),
    }  # fmt: skip
    if job.failure is not None:
        facts["failure_reason"] = _REASONS.get(job.failure.kind, "script_failure")
    if job.completed is not None and status != "skipped":
        facts["finished_at"] = time(job.completed)
    if _began(job):
        facts |= {
            "started_at": time(job.started),
            "duration": None if job.completed is None else float(job.completed - job.started),
            "queued_duration": float(job.started - job.created),
            "runner": bodies.runner_body(job.id % 9 + 1),
        }
    return facts


def _began(job: Execution) -> bool:
    """Whether a runner took the job."""
    if job.status in _WAITING or job.conclusion == "skipped" or (job.failure and job.failure.kind in UNSTARTED):
        return False
    return not (job.conclusion == "cancelled" and job.started == job.completed)


def bridge_bodies(made: Made, pipeline: Body, number: int) -> list[Body]:
    """The job that started a child pipeline, where one was; its id is `number`."""
    if made.child is None:
        return []
    at = time(min(made.child.run.trigger.at, AS_OF))
    facts = {
        "id": number, "name": BRIDGE, "status": "success", "stage": "deploy", "created_at": pipeline["created_at"],
        "started_at": at, "finished_at": at, "duration": 0.0, "downstream_pipeline": pipeline_body(made.child),
    }  # fmt: skip
    return [bodies.bridge_body(made.site, pipeline, commit_body(made.site, made.run.trigger.commit), facts)]


def with_children(pipelines: Sequence[Made]) -> None:
    """Tell each child pipeline its parent: that of the push of the same commit."""
    pushed = {
        (one.site.id, one.run.trigger.commit.sha): one
        for one in pipelines
        if one.run.trigger.event == "push" and one.run.trigger.pipeline.path != CHILD
    }
    for one in pipelines:
        if one.run.trigger.pipeline.path == CHILD:
            one.parent = pushed[one.site.id, one.run.trigger.commit.sha]
            one.parent.child = one
