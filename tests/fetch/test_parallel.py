import threading
import time
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.parallel import by_turns, in_order, in_turn


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


# --- One piece of each flow in turn ---------------------------------------------------------------------------------


def flow(name: int, length: int) -> Iterator[tuple[int, int]]:
    for piece in range(length):
        yield name, piece


LENGTHS = st.lists(st.integers(0, 12), max_size=20)


@given(LENGTHS, st.integers(1, 4))
@settings(deadline=None, max_examples=50)
def test_every_piece_of_every_flow_comes_once_and_in_the_order_of_its_flow(lengths: list[int], workers: int) -> None:
    found = list(in_turn((flow(name, length) for name, length in enumerate(lengths)), workers, Stop()))
    assert len(found) == sum(lengths)
    for name, length in enumerate(lengths):
        assert [piece for of, piece in found if of == name] == list(range(length))


@given(LENGTHS, st.integers(1, 4))
@settings(deadline=None, max_examples=50)
def test_no_flow_is_more_than_a_piece_ahead_of_those_that_are_under_way_beside_it(
    lengths: list[int], workers: int
) -> None:
    left = dict(enumerate(lengths))
    handed: Counter[int] = Counter()
    begun: list[int] = []
    for name, _ in in_turn((flow(name, length) for name, length in left.items()), workers, Stop()):
        if name not in begun:
            begun.append(name)
        handed[name] += 1
        beside = [other for other in begun if handed[other] < left[other] and other < name]
        assert all(handed[other] >= handed[name] or begun.index(other) >= 3 * workers for other in beside)


def test_a_flow_without_end_keeps_none_waiting() -> None:
    def endless() -> Iterator[tuple[int, int]]:
        piece = 0
        while True:
            yield 0, piece
            piece += 1

    found = in_turn([endless(), *(flow(name, 3) for name in range(1, 6))], 2, Stop())
    first = [next(found) for _ in range(18)]
    found.close()  # type: ignore[attr-defined]  # it is a generator
    assert Counter(name for name, _ in first) == {0: 3, 1: 3, 2: 3, 3: 3, 4: 3, 5: 3}


def test_an_error_of_a_flow_is_raised_after_what_the_others_had_done() -> None:
    stop = Stop()

    def failing() -> Iterator[tuple[int, int]]:
        yield 9, 0
        raise ForgeError("gone")

    done: list[tuple[int, int]] = []
    with pytest.raises(ForgeError, match="gone"):
        done.extend(in_turn([flow(0, 1_000), failing(), flow(1, 1_000)], 2, stop))
    assert stop.told[0] == "gone"
    assert (9, 0) in done
    assert 2 <= sum(1 for name, _ in done if name == 0) <= 4
    assert threading.active_count() < 50


def test_an_unforeseen_error_of_a_flow_goes_on_at_once() -> None:
    stop = Stop()

    def broken() -> Iterator[tuple[int, int]]:
        yield 9, 1 // 0

    with pytest.raises(ZeroDivisionError):
        list(in_turn([flow(0, 5), broken()], 2, stop))
    assert stop.told == ["the fetch was broken off"]


def test_who_stops_listening_to_flows_ends_their_threads() -> None:
    stop, made = Stop(), Counter[int]()

    def counted(name: int) -> Iterator[int]:
        for piece in range(10_000):
            stop.check()
            made[name] += 1
            yield piece

    before = threading.active_count()
    found = in_turn([counted(name) for name in range(5)], 2, stop)
    for _ in range(7):
        next(found)
    found.close()  # type: ignore[attr-defined]  # it is a generator
    count = made.total()
    assert count <= 7 + 6
    assert stop.told == ["the fetch was broken off"]
    assert threading.active_count() == before
    assert made.total() == count


@given(st.lists(st.lists(st.integers(), max_size=6), max_size=6))
def test_by_turns_takes_the_first_of_each_then_the_second(queues: list[list[int]]) -> None:
    nothing = object()
    expected = [item for row in zip_longest(*queues, fillvalue=nothing) for item in row if item is not nothing]
    assert list(by_turns(queues)) == expected
