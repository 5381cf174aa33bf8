"""One client a thread: those of the forges' libraries are not safe to share."""

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Counted(Protocol):
    """What holds connections, and counts the requests that it made."""

    @property
    def made(self) -> int:
        """Requests it made."""

    def close(self) -> None:
        """Close the connections."""


_Client = TypeVar("_Client", bound=Counted)


class Clients(Generic[_Client]):
    """A client for each thread that asks for one. `anonymous`: they ask without a token."""

    def __init__(self, make: Callable[[], _Client], *, anonymous: bool = False) -> None:
        self._make = make
        self._mine: dict[int, _Client] = {}
        self.anonymous = anonymous

    @property
    def requests(self) -> int:
        """Requests that all of them made."""
        return sum(client.made for client in list(self._mine.values()))

    def mine(self) -> _Client:
        """The calling thread's client."""
        thread = threading.get_ident()
        if thread not in self._mine:
            self._mine[thread] = self._make()
        return self._mine[thread]

    def close(self) -> None:
        """Close all of them."""
        for client in self._mine.values():
            client.close()
