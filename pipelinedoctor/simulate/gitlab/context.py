"""What a route is handed: who asks for what, and what there is to answer from."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from pipelinedoctor.simulate.gitlab.asked import Answer, Query
from pipelinedoctor.simulate.gitlab.attachments import Archives
from pipelinedoctor.simulate.gitlab.paging import Place, page
from pipelinedoctor.simulate.gitlab.recording import GitLabRecording, Project


class Who(StrEnum):
    """Who asks: nobody in particular, a user, a job of a pipeline by its own token, or one whose token is none."""

    NOBODY = "nobody"
    USER = "user"
    JOB = "job"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: what it may see (`projects`), the numbers in its path behind a project or group, and where it came in."""

    recording: GitLabRecording
    archives: Archives
    projects: Sequence[Project]
    numbers: Sequence[int]
    place: Place

    @property
    def query(self) -> Query:
        """Its parameters."""
        return self.place.query

    @property
    def project(self) -> Project:
        """The project, of a request that is for one."""
        return self.projects[0]

    def listed(self, bodies: Sequence[bytes], *, counted: bool = True) -> Answer:
        """The asked page of a list."""
        shown, headers = page(self.place, bodies, counted=counted)
        return array(shown, headers)


def array(bodies: Sequence[bytes], headers: dict[str, str]) -> Answer:
    """A list of bodies."""
    return Answer(200, b"[" + b",".join(bodies) + b"]", headers)
