"""Which runs that succeeded are drawn to be read in full, and that a fetch that is broken off does not lose a draw."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.fetch.github.details import Task
from pipelinedoctor.fetch.github.run_marks import Phase, RunMark
from pipelinedoctor.fetch.github.samples import EACH, Samples
from pipelinedoctor.model import Repository

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
SHOP = Repository(
    host="github.com", repository_id=1, forge="github", full_name="a/b", default_branch="main", html_url=""
)


class Kept:
    """The marks of a store."""

    def __init__(self) -> None:
        self.marks: dict[str, str] = {}

    def get(self, kind: str, key: str) -> str | None:
        return self.all(kind).get(key)

    def all(self, kind: str) -> Mapping[str, str]:
        return self.marks if kind == "sample" else {}


def offered(number: int, names: Sequence[str]) -> Task:
    moment = MONDAY + number * timedelta(hours=20)
    listed = RunMark(
        attempt=1, updated_at=moment, created_at=moment, started_at=moment, phase=Phase.LISTED, known=0, red=False, node="x"
    )  # fmt: skip
    return Task(SHOP, number, listed.with_outcomes(failing=False, names=names))


def read(tasks: Sequence[Task], kept: Kept, most: int) -> list[int]:
    """Draw, and read so many of what is drawn, as a fetch does: the ids of the runs."""
    samples = Samples(1, kept, MONDAY + timedelta(days=90))
    drawn = samples.draw(tasks)[:most]
    for task in drawn:
        mark = samples.read(task)
        kept.marks[mark.key] = mark.value or ""
    return [task.run_id for task in drawn]


def test_each_name_is_drawn_a_few_times_a_week_newest_first() -> None:
    tasks = [offered(at, ["build", "rare"] if at == 0 else ["build"]) for at in range(8)]
    assert read(tasks, Kept(), 100) == [*range(7, 7 - EACH, -1), 0]


@given(
    names=st.lists(st.lists(st.sampled_from("abcd"), max_size=3, unique=True), max_size=30),
    stops=st.lists(st.integers(0, 8), max_size=6),
)
def test_a_fetch_that_is_broken_off_again_and_again_draws_what_one_in_one_piece_draws(
    names: list[list[str]], stops: list[int]
) -> None:
    whole = read([offered(at, one) for at, one in enumerate(names)], Kept(), 100)
    kept, left, found = Kept(), [offered(at, one) for at, one in enumerate(names)], list[int]()
    for stop in [*stops, 100]:
        found += read(left, kept, stop)
        # What was offered and not read is offered again, as its mark tells it.
        left = [Task(SHOP, task.run_id, RunMark.read(str(task.mark))) for task in left if task.run_id not in found]
    assert found == whole
