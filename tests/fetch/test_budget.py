"""What the threads of a fetch share."""

import threading
import time

import pytest

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.interface import Silent, Source
from pipelinedoctor.fetch.patience import RefusedError


class Clock:
    """A time that only waiting moves on."""

    def __init__(self) -> None:
        self.now = 100.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.waits.append(round(seconds, 6))
        self.now += seconds


def budget(clock: Clock, limit: int | None = None, throttle: float = 0) -> Budget:
    return Budget(limit, throttle=throttle, pause=clock.pause, clock=clock)


def test_requests_start_some_time_apart() -> None:
    clock = Clock()
    paced = budget(clock, throttle=0.5)
    for _ in range(3):
        paced.take()
    clock.now += 0.2
    paced.take()
    clock.now += 9
    paced.take()
    paced.take()
    assert clock.waits == [0.5, 0.5, 0.3, 0.5]
    assert paced.made == 6


def test_without_a_throttle_nothing_waits() -> None:
    clock = Clock()
    free = budget(clock)
    for _ in range(100):
        free.take()
    assert clock.waits == []


def test_what_is_usual_stays_below_githubs_limit_of_900_a_minute() -> None:
    source = Source(forge="github", host="h", url="http://h", repositories=())
    clock = Clock()
    paced = budget(clock, throttle=source.throttle)
    made = 0
    while clock.now <= 160:
        paced.take()
        made += 1
    assert 800 < made <= 900


def test_the_pace_is_that_of_all_threads_together() -> None:
    paced = Budget(None, throttle=0.01)
    starts: list[float] = []

    def work() -> None:
        for _ in range(10):
            paced.take()
            starts.append(time.monotonic())

    begun = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(starts) == 40
    assert max(starts) - begun >= 0.39


def test_all_threads_hold_when_one_is_asked_to() -> None:
    clock = Clock()
    paced = budget(clock, throttle=1)
    paced.take()
    paced.hold(30)
    paced.hold(10)
    paced.take()
    paced.take()
    assert clock.waits == [30, 1]


def test_a_limit_is_told_and_nothing_is_counted_beyond_it() -> None:
    clock = Clock()
    short = budget(clock, limit=2)
    short.take()
    short.take()
    for _ in range(2):
        with pytest.raises(BudgetError, match="the limit of 2 requests is met"):
            short.take()
    assert short.made == 2


def test_who_waits_is_woken_when_it_ends_and_has_made_no_request() -> None:
    paced = Budget(None, throttle=600)
    paced.take()
    ends: list[str] = []

    def work() -> None:
        for waits in (paced.take, lambda: paced.wait(600)):
            try:
                waits()
            except ForgeError as error:
                ends.append(str(error))

    thread = threading.Thread(target=work)
    thread.start()
    while paced.made < 2:
        time.sleep(0.001)
    paced.close(ForgeError("enough"))
    paced.close(ForgeError("later"))
    thread.join(30)
    assert ends == ["enough", "enough"]
    assert paced.made == 1


def test_what_one_was_refused_is_no_refusal_of_what_others_asked_for() -> None:
    paced = Budget(None)
    paced.close(RefusedError("check the token", 401))
    with pytest.raises(ForgeError, match="check the token") as told:
        paced.take()
    assert not isinstance(told.value, RefusedError)


def test_threads_that_wait_for_the_same_tell_it_once() -> None:
    told: list[str] = []

    class Told(Silent):
        def start(self, task: str, total: int | None) -> None:
            told.append(task)

        def finish(self, task: str, summary: str = "") -> None:
            told.append(f"{task}: {summary}")

    shared = Budget(None, progress=Told())
    with shared.telling("a"):
        with shared.telling("a"), shared.telling("b"):
            assert told == ["a", "b"]
        assert told == ["a", "b", "b: trying again"]
    with pytest.raises(ZeroDivisionError), shared.telling("a"):
        raise ZeroDivisionError
    assert told == ["a", "b", "b: trying again", "a: trying again", "a", "a: trying again"]


@pytest.mark.parametrize(("limit", "workers"), [(None, 4), (1_000, 4), (399, 3), (200, 2), (150, 1), (1, 1)])
def test_few_requests_are_not_shared_by_many_threads(limit: int | None, workers: int) -> None:
    assert Budget(limit).workers(4) == workers


def test_what_cost_nothing_is_given_back() -> None:
    short = Budget(2)
    for _ in range(5):
        short.take()
        short.refund()
    short.take()
    short.take()
    assert short.made == 2
    with pytest.raises(BudgetError):
        short.take()


@pytest.mark.parametrize(
    ("limit", "made", "told", "spare"),
    [
        (None, 50, None, True),
        (3, 2, None, True),
        (3, 3, None, False),
        (None, 1, (21, 100), True),
        (None, 1, (20, 100), False),
        (None, 1, (0, 0), False),
        (3, 3, (99, 100), False),
    ],
)
def test_there_is_something_to_spare_while_our_limit_and_the_forges_allowance_leave_some(
    limit: int | None, made: int, told: tuple[int, int] | None, spare: bool
) -> None:
    shared = Budget(limit)
    for _ in range(made):
        shared.take()
    if told:
        shared.told(*told)
    assert shared.spare is spare


def test_after_its_end_a_budget_has_nothing_to_spare() -> None:
    shared = Budget(None)
    shared.close(ForgeError("enough"))
    assert not shared.spare


def test_a_few_requests_given_up_in_a_row_make_a_forge_doubtful_and_one_answer_takes_that_away() -> None:
    shared = Budget(None)
    assert [shared.given_up("a") for _ in range(6)] == [False] * 4 + [True] * 2
    assert (shared.hopeless("a"), shared.hopeless("b")) == (True, False)
    shared.well("b")
    assert not shared.given_up("a")
    assert shared.hopeless("a"), "that another place answers says nothing of this one"
    shared.well("a")
    assert not shared.hopeless("a")
    assert shared.answered
