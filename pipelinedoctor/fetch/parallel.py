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
