"""How far a stage has come whose size becomes known only on the way."""

import threading

from pipelinedoctor.fetch.interface import Progress


class Steps:
    """The requests that a stage will take, as far as is known, and those that it has made. Any thread may tell it."""

    def __init__(self, progress: Progress, task: str) -> None:
        self._progress = progress
        self._task = task
        self._lock = threading.Lock()
        self._ahead = self._made = self._told = 0

    def expect(self, requests: int) -> None:
        """So many more requests are to come than was known."""
        with self._lock:
            self._ahead += requests
            self._tell()

    def made(self, requests: int) -> None:
        """So many requests were made."""
        with self._lock:
            self._made += requests
            if self._made > self._told:
                self._tell()
            self._progress.advance(self._task, requests)

    def finish(self, summary: str) -> None:
        """The stage has ended; what is made from now on is of another one of the same name."""
        with self._lock:
            self._ahead, self._made, self._told = max(0, self._ahead - self._made), 0, 0
        self._progress.finish(self._task, summary)

    def _tell(self) -> None:
        self._told = max(self._ahead, self._made)
        self._progress.start(self._task, self._told)
