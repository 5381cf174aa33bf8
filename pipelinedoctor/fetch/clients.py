"""One client a thread: those of the forges' libraries are not safe to share."""

import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class Closable(Protocol):
    """What holds connections."""

    def close(self) -> None:
        """Close them."""


_Client = TypeVar("_Client", bound=Closable)


class Clients(Generic[_Client]):
    """A client for each thread that asks for one."""

    def __init__(self, make: Callable[[], _Client]) -> None:
        self._make = make
        self._mine: dict[int, _Client] = {}

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
