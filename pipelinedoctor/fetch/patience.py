"""Trying a request again: what faults pass, how long each is waited for, and what is told once patience ends."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.limits import seconds_to_wait, when

BACKOFF_S = (1.0, 2.0, 4.0, 8.0)
"""Waits before the four further tries of a request that failed in passing."""
ABSENT_S = (0.5, 1.5)
"""The same where nothing listens, or the name is not known, and nothing was ever heard of the forge in this fetch."""
DOWNLOADS = "downloads"
"""The place of what other hosts hold: that one of them is gone says nothing of the forge."""
_T = TypeVar("_T")


class RefusedError(ForgeError):
    """The forge answered a request with an error; `status` is the HTTP status.

    It is 0 where it never answered the request whole, though it does answer others; `trouble` then says how.
    """

    def __init__(self, message: str, status: int, trouble: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.trouble = trouble


class PassingError(Exception):
    """A fault that another try may not meet; `status` is the HTTP status, if there was an answer."""

    def __init__(self, message: str, status: int | None = None, *, absent: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.absent = absent


class HeldError(PassingError):
    """The forge asked to wait some seconds; `limit` is what to raise when it does so again and again."""

    def __init__(self, seconds: float, limit: BudgetError) -> None:
        super().__init__("asks for fewer requests")
        self.seconds = seconds
        self.limit = limit


class Patience:
    """Tries again on behalf of one client of the forge at `host`.

    `state` asks for what every forge answers that is not ill, be it to say that there is no such thing; it raises what an
    attempt does.
    """

    def __init__(self, host: str, budget: Budget, state: Callable[[], object]) -> None:
        self._host = host
        self._budget = budget
        self._state = state

    def patiently(self, attempt: Callable[[], _T], path: str) -> _T:
        """What an attempt comes to, tried again while it raises `PassingError`: a few times, and none but the first where
        all was in vain before at places like `path`.

        Raises `RefusedError` or `ForgeError` once patience ends, `BudgetError` at a limit.
        """
        place, tries = _place(path), 0
        while True:
            tries += 1
            try:
                done = attempt()
            except PassingError as error:
                waits = self._waits(error, place)
                if tries > len(waits):
                    raise self._given_up(error, tries, place) from None
                wait = waits[tries - 1]
                with self._budget.telling(f"{self._host}: {error}, waiting {wait:g} s"):
                    self._budget.wait(wait)
            except RefusedError:
                self._budget.well(place)
                raise
            else:
                self._budget.well(place)
                return done

    def limited(self, headers: Mapping[str, str]) -> Exception:
        """What to raise at a rate limit: one that is over soon is waited for, by all threads; a longer one ends the fetch."""
        limit = BudgetError(f"{self._host}: its rate limit is met; the next fetch goes on from here{when(headers)}")
        seconds = seconds_to_wait(headers)
        if seconds is None or seconds > self._budget.max_wait:
            self._budget.close(limit)
            return limit
        self._budget.hold(seconds)
        return HeldError(seconds, limit)

    def _waits(self, error: PassingError, place: str) -> Sequence[float]:
        if isinstance(error, HeldError):
            return [error.seconds] * len(BACKOFF_S)
        if self._budget.hopeless(place):
            return ()
        return ABSENT_S if error.absent and not self._budget.answered else BACKOFF_S

    def _given_up(self, error: PassingError, tries: int, place: str) -> ForgeError:
        if isinstance(error, HeldError):
            self._budget.close(error.limit)
            return error.limit
        times = f"{tries} times in a row" if tries > 1 else "as before"
        message = f"{self._host}: {error}, {times}; what was fetched is kept, try again later"
        doubtful = self._budget.given_up(place) or not self._budget.answered
        if (error.absent and place != DOWNLOADS) or (doubtful and self._ill()):
            ill = ForgeError(message)
            self._budget.close(ill)  # no other thread is to find it out for itself
            return ill
        return RefusedError(message, error.status or 0, str(error))

    def _ill(self) -> bool:
        """Whether the forge answers nothing at all."""
        try:
            self._state()
        except HeldError:
            return False
        except PassingError:
            return True
        except RefusedError:
            pass
        return False


def _place(path: str) -> str:
    """What kind of thing is asked for, of which repository: the path without the numbers in it."""
    return re.sub(r"/[0-9]+(?=/|$)", "/*", path)
