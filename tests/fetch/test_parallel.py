import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.parallel import in_order


class Stop:
    """Remembers what it was told, and refuses further work from then on."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __call__(self, error: ForgeError) -> None:
        self.told.append(str(error))

    def check(self) -> None:
        if self.told:
            raise ForgeError("stopped")


@given(st.integers(0, 40), st.integers(1, 5))
@settings(deadline=None, max_examples=30)
def test_work_is_handed_on_in_order(count: int, workers: int) -> None:
    assert list(in_order(lambda number: number * number, range(count), workers, Stop())) == [
        number * number for number in range(count)
    ]


def test_a_slow_piece_does_not_change_the_order_and_bounds_what_runs_ahead() -> None:
    slow, begun = threading.Event(), []

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            slow.wait(10)
        return number

    results = in_order(work, range(100), 2, Stop())
    threading.Timer(0.05, slow.set).start()
    assert next(results) == 0
    assert len(begun) <= 8
    assert list(results) == list(range(1, 100))


def test_after_an_error_what_was_done_is_handed_on_and_nothing_new_begins() -> None:
    stop, given_out = Stop(), []
    meet = threading.Barrier(2)

    def work(number: int) -> int:
        stop.check()
        if number in (3, 4):
            meet.wait(10)  # 4 is under way when 3 fails
        if number == 3:
            raise ForgeError("gone")
        return number

    def items() -> Iterator[int]:
        for number in range(1_000):
            given_out.append(number)
            yield number

    done: list[int] = []
    with pytest.raises(ForgeError, match="gone"):
        done.extend(in_order(work, items(), 2, stop))
    assert stop.told[0] == "gone"
    assert done[:3] == [0, 1, 2]
    assert 4 in done
    assert 3 not in done
    assert len(given_out) <= 12


def test_an_unforeseen_error_goes_on_at_once() -> None:
    stop = Stop()
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda number: 1 // number, [1, 0, 1], 2, stop))
    assert stop.told == ["the fetch was broken off"]


def test_who_stops_listening_ends_the_work() -> None:
    stop, begun = Stop(), []

    def work(number: int) -> int:
        stop.check()
        begun.append(number)
        time.sleep(0.001)
        return number

    results = in_order(work, range(10_000), 2, stop)
    next(results)
    results.close()  # type: ignore[attr-defined]  # it is a generator
    count = len(begun)
    assert count <= 10
    assert stop.told == ["the fetch was broken off"]
    assert len(begun) == count
