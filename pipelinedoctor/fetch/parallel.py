"""Work done by a few threads, handed on in the order it was given out."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from pipelinedoctor.errors import ForgeError

_AHEAD = 3
"""Pieces of work under way or waiting to be handed on, per thread: bounds the memory."""
_Item = TypeVar("_Item")
_Done = TypeVar("_Done")


def in_turn(flows: Iterable[Iterator[_Done]], workers: int, stop: Callable[[ForgeError], None]) -> Iterator[_Done]:
    """What each of many flows brings, one piece of each in turn, by `workers` threads; no flow keeps another waiting.

    Of flows without number a few are under way at once, and the next begins where one has ended. Each piece of a flow is
    made by one thread, after the piece before it. Errors are met as by `in_order`.
    """
    queue = iter(flows)
    waiting: deque[tuple[Iterator[_Done], Future[_Done | None]]] = deque()
    failure: ForgeError | None = None
    with ThreadPoolExecutor(workers) as pool:
        try:
            while True:
                while failure is None and len(waiting) < _AHEAD * workers and (flow := next(queue, None)) is not None:
                    waiting.append((flow, pool.submit(next, flow, None)))
                if not waiting:
                    break
                flow, future = waiting.popleft()
                try:
                    piece = future.result()
                except ForgeError as error:
                    failure = failure or error
                    stop(failure)
                    continue
                if piece is None:
                    continue
                if failure is None:
                    waiting.append((flow, pool.submit(next, flow, None)))
                yield piece
        except BaseException:
            stop(ForgeError("the fetch was broken off"))
            for _, future in waiting:
                future.cancel()
            raise
    if failure is not None:
        raise failure


def by_turns(queues: Iterable[Iterable[_Item]]) -> Iterator[_Item]:
    """The first of each queue, the second of each, and so on."""
    left = [iter(queue) for queue in queues]
    while left:
        for queue in list(left):
            try:
                yield next(queue)
            except StopIteration:
                left.remove(queue)


def in_order(
    work: Callable[[_Item], _Done], items: Iterable[_Item], workers: int, stop: Callable[[ForgeError], None]
) -> Iterator[_Done]:
    """What `work` makes of each item, by `workers` threads, in the order of the items.

    After the first `ForgeError` no new work begins and `stop` is told, which is to make the rest come to an end;
    what was finished all the same is handed on, and then the error is raised.
    """
    waiting: deque[Future[_Done]] = deque()
    failure: ForgeError | None = None

    def settled(future: Future[_Done]) -> list[_Done]:
        nonlocal failure
        try:
            return [future.result()]
        except ForgeError as error:
            failure = failure or error
            stop(failure)
            return []

    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                if failure is not None:
                    break
                waiting.append(pool.submit(work, item))
                if len(waiting) >= _AHEAD * workers:
                    yield from settled(waiting.popleft())
            while waiting:
                yield from settled(waiting.popleft())
        except BaseException:
            stop(ForgeError("the fetch was broken off"))
            for future in waiting:
                future.cancel()
            raise
    if failure is not None:
        raise failure
