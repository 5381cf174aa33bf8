"""Trying a request again: what faults pass, how long each is waited for, and what is told once patience ends."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.limits import seconds_to_wait, when

BACKOFF_S = (1.0, 2.0, 4.0, 8.0)
"""Waits before the four further tries of a request that failed in passing."""
ABSENT_S = (0.5, 1.5)
"""The same where nothing listens, or the name is not known, and nothing was ever heard of the forge in this fetch."""
_T = TypeVar("_T")


class RefusedError(ForgeError):
    """The forge answered a request with an error; `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


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
    """Tries again on behalf of one client of the forge at `host`."""

    def __init__(self, host: str, budget: Budget) -> None:
        self._host = host
        self._budget = budget

    def patiently(self, attempt: Callable[[], _T]) -> _T:
        """What `attempt` returns, tried again while it raises `PassingError`.

        Raises `RefusedError` or `ForgeError` once patience ends, `BudgetError` at a limit.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return attempt()
            except PassingError as error:
                waits = self._waits(error)
                if tries > len(waits):
                    raise self._given_up(error, tries) from None
                wait = waits[tries - 1]
                with self._budget.telling(f"{self._host}: {error}, waiting {wait:g} s"):
                    self._budget.wait(wait)

    def limited(self, headers: Mapping[str, str]) -> Exception:
        """What to raise at a rate limit: one that is over soon is waited for, by all threads; a longer one ends the fetch."""
        limit = BudgetError(f"{self._host}: its rate limit is met; the next fetch goes on from here{when(headers)}")
        seconds = seconds_to_wait(headers)
        if seconds is None or seconds > self._budget.max_wait:
            self._budget.close(limit)
            return limit
        self._budget.hold(seconds)
        return HeldError(seconds, limit)

    def _waits(self, error: PassingError) -> Sequence[float]:
        if isinstance(error, HeldError):
            return [error.seconds] * len(BACKOFF_S)
        return ABSENT_S if error.absent and not self._budget.answered else BACKOFF_S

    def _given_up(self, error: PassingError, tries: int) -> ForgeError:
        if isinstance(error, HeldError):
            self._budget.close(error.limit)
            return error.limit
        message = f"{self._host}: {error}, {tries} times in a row; what was fetched is kept, try again later"
        if error.status and not self._budget.given_up():
            return RefusedError(message, error.status)
        return ForgeError(message)
