"""What the threads of one fetch share: the requests that are left, when the next may be made, and the telling of waits."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.interface import Progress, Silent

_A_WORKER = 100
"""Requests that must be left for another thread to be worth it."""
_SPARE = 0.2
"""Share of the forge's allowance that is left to others by what need not be asked."""
_ILL = 5
"""Requests in a row that were given up, after which the forge may be ill, and not what was asked for."""


class Budget:
    """The requests that one fetch may still make, and their pace.

    At the most `limit` of them that cost something, and `throttle` seconds at least between the starts of any two. `pause` waits some seconds;
    unless it is given, a wait ends as soon as the budget is closed.
    """

    def __init__(
        self,
        limit: int | None,
        *,
        throttle: float = 0,
        max_wait: float = 60.0,
        progress: Progress | None = None,
        pause: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit = limit
        self._throttle = throttle
        self._progress = progress or Silent()
        self._closed = threading.Event()
        self._pause = pause or self._closed.wait
        self._clock = clock
        self.max_wait = max_wait
        """Longest that a forge may ask to wait, in seconds, for it to be waited for."""
        self._lock = threading.Lock()
        self._end: ForgeError | None = None
        self._next = 0.0
        self._told: Counter[str] = Counter()
        self.made = 0
        """Requests that cost something."""
        self.answered = False
        """Whether the forge has ever answered this fetch."""
        self._allowance: tuple[int, int] | None = None
        self._given_up = 0
        self._failed: Counter[str] = Counter()

    def take(self) -> None:
        """Count one request and wait for its turn.

        Raises `BudgetError` instead when none is left, and the error of `close` after it.
        """
        with self._lock:
            self._check()
            if self._limit is not None and self.made >= self._limit:
                raise BudgetError(f"the limit of {self._limit} requests is met; the next fetch goes on from here")
            self.made += 1
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._throttle
        if turn > now:
            try:
                self.wait(turn - now)
            except ForgeError:
                with self._lock:
                    self.made -= 1
                raise

    def refund(self) -> None:
        """Take a request back that cost nothing: its answer was "unchanged"."""
        with self._lock:
            self.made -= 1

    def told(self, left: int, limit: int) -> None:
        """Take note of what the forge says is left of its allowance."""
        with self._lock:
            self._allowance = (left, limit)

    @property
    def spare(self) -> bool:
        """Whether there are requests for what is good to have and need not be had."""
        with self._lock:
            ours = self._end is None and (self._limit is None or self.made < self._limit)
            return ours and (self._allowance is None or self._allowance[0] > _SPARE * self._allowance[1])

    def well(self, place: str = "") -> None:
        """The forge answered at a place, if only to refuse."""
        with self._lock:
            self.answered = True
            self._given_up = 0
            self._failed.pop(place, None)

    def given_up(self, place: str = "") -> bool:
        """Note that the forge failed at a request to the end of all patience; whether it may be ill altogether."""
        with self._lock:
            self._given_up += 1
            self._failed[place] += 1
            return self._given_up >= _ILL

    def hopeless(self, place: str) -> bool:
        """Whether so many requests of a place were given up in a row that no patience is due to the next."""
        with self._lock:
            return self._failed[place] >= _ILL

    def hold(self, seconds: float) -> None:
        """Let no request begin for some seconds, of any thread; those that have their turn already go on."""
        with self._lock:
            self._next = max(self._next, self._clock() + seconds)

    def wait(self, seconds: float) -> None:
        """Wait; raises the error of `close` when that comes first."""
        self._pause(seconds)
        with self._lock:
            self._check()

    @contextmanager
    def telling(self, what: str) -> Iterator[None]:
        """Tell the progress what is waited for, while the `with` lasts; threads that wait for the same tell it once."""
        with self._lock:
            self._told[what] += 1
            first = self._told[what] == 1
        if first:
            self._progress.start(what, None)
        try:
            yield
        finally:
            with self._lock:
                self._told[what] -= 1
                last = self._told[what] == 0
            if last:
                self._progress.finish(what, "trying again")

    def workers(self, most: int) -> int:
        """How many threads may share what is left: where it runs out, each loses what it did for its last run."""
        left = most * _A_WORKER if self._limit is None else self._limit - self.made
        return max(1, min(most, left // _A_WORKER))

    def close(self, why: ForgeError) -> None:
        """Let no thread begin another request, and none wait any longer.

        What they are told is no refusal of what they asked for themselves, whatever `why` is.
        """
        with self._lock:
            self._end = self._end or (why if isinstance(why, BudgetError) else ForgeError(str(why)))
        self._closed.set()

    def _check(self) -> None:
        if self._end is not None:
            raise self._end
