"""How far a stage has come whose size becomes known only on the way."""

from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.fetch.steps import Steps


class Heard(Silent):
    def __init__(self) -> None:
        self.told: list[object] = []

    def start(self, task: str, total: int | None) -> None:
        self.told.append(total)

    def advance(self, task: str, steps: int = 1) -> None:
        self.told.append(f"+{steps}")


def test_what_becomes_known_adds_up() -> None:
    heard = Heard()
    steps = Steps(heard, "runs")
    steps.expect(2)
    steps.made(1)
    steps.expect(60)
    assert heard.told == [2, "+1", 62]


def test_a_stage_that_takes_more_than_was_known_is_never_done_beforehand() -> None:
    heard = Heard()
    steps = Steps(heard, "runs")
    steps.expect(1)
    steps.made(3)
    steps.expect(1)
    assert heard.told == [1, 3, "+3", 3]


def test_what_was_left_when_a_stage_ended_is_of_the_next_one() -> None:
    heard = Heard()
    steps = Steps(heard, "runs")
    steps.expect(10)
    steps.made(4)
    steps.finish("some")
    steps.made(1)
    assert heard.told == [10, "+4", 6, "+1"]
