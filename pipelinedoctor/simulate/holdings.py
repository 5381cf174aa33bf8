"""All that a recording holds, read once, for every API over it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from pipelinedoctor.simulate import deliveries
from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.commits import Commits, read_commits
from pipelinedoctor.simulate.deliveries import Deliveries, read_deliveries
from pipelinedoctor.simulate.joblists import JobList
from pipelinedoctor.simulate.recorded import RecordedRepository
from pipelinedoctor.simulate.recording import Recording

_NO_COMMITS = Commits({}, (), {})


@dataclass(frozen=True, slots=True)
class Holdings:
    """A recording with what lies beside its runs; `jobs` are by id: their list and their place in it."""

    recording: Recording
    attachments: Attachments
    jobs: Mapping[int, tuple[JobList, int]]
    _commits: Mapping[str, Commits]
    _deliveries: Mapping[str, Deliveries]

    @classmethod
    def of(cls, recording: Recording, attachments: Attachments) -> "Holdings":
        """Read what is not read yet; raises `UsageError` that names file and line where something is odd."""
        commits, delivered = read_commits(recording), read_deliveries(recording)
        for name, one in delivered.items():
            known = commits.get(name, _NO_COMMITS)
            tags = {tag.name: tag.sha for tag in one.tags.values()}
            proposed = {commit.sha: commit for pull in one.pulls for commit in pull.commits}
            commits[name] = replace(known, known={**proposed, **known.known}, tags={**known.tags, **tags})
        if recording.until is not None:
            commits = {name: one.until(recording.until) for name, one in commits.items()}
        jobs = {
            job.job_id: (listed, position)
            for listed in recording.job_lists.values()
            for position, job in enumerate(listed.jobs)
        }
        return cls(recording, attachments, jobs, commits, delivered)

    def commits(self, repository: RecordedRepository) -> Commits:
        """The commits of a repository, those that were only proposed included, and its tags."""
        return self._commits.get(repository.full_name, _NO_COMMITS)

    def deliveries(self, repository: RecordedRepository) -> Deliveries:
        """The pull requests, deployments and releases of a repository."""
        return self._deliveries.get(repository.full_name, deliveries.NONE)

    def api_of(self, repository: RecordedRepository) -> str:
        """The URL of a repository in the API of the host it was recorded from."""
        host = self.recording.host
        root = "https://api.github.com" if host == "github.com" else f"https://{host}/api/v3"
        return f"{root}/repos/{quote(repository.full_name)}"
