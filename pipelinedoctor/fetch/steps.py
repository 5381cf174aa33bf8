"""How far a stage has come whose size becomes known only on the way."""

import threading

from pipelinedoctor.fetch.interface import Progress


class Steps:
    """The requests that a stage will take, as far as is known, and those that it has made. Any thread may tell it."""

    def __init__(self, progress: Progress, task: str) -> None:
        self._progress = progress
        self._task = task
        self._lock = threading.Lock()
        self._ahead = self._made = 0

    def expect(self, requests: int) -> None:
        """So many more requests are to come than was known."""
        with self._lock:
            self._ahead += requests
            self._progress.start(self._task, max(self._ahead, self._made))

    def made(self, requests: int) -> None:
        """So many requests were made."""
        with self._lock:
            self._made += requests
            if self._made > self._ahead:
                self._progress.start(self._task, self._made)
            self._progress.advance(self._task, requests)

    def finish(self, summary: str) -> None:
        """The stage has ended."""
        self._progress.finish(self._task, summary)
