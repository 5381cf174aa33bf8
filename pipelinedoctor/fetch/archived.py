"""Results of tests out of the archives that jobs left behind: as many as a run may have, and what was wrong with the rest."""

from collections.abc import Iterator
from typing import IO

from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.download import UnfitError, xml_members
from pipelinedoctor.fetch.junit import Ledger, executions
from pipelinedoctor.model import Row

MOST = 500_000
"""Results of tests of one run, all in memory together, after which no further report is read."""


class Results:
    """Gathers the results of one run into its `rows`; `count` of them are there already."""

    def __init__(self, rows: list[Row], count: int = 0) -> None:
        self._rows = rows
        self._count = count
        self._seen: set[tuple[int, int]] = set()

    def read(self, file: IO[bytes], ledger: Ledger, *, copies: bool) -> Iterator[tuple[str, str | None]]:
        """Take in each report of an archive; told are its name, which may be empty, and what is wrong with it, if anything.

        Without `copies`, files that an archive had before are passed over. Raises `UnfitError` for an archive that is none, or
        is more than it should be, and once there are too many results; what was read until then stays.
        """
        for member in xml_members(file):
            self._check_room()
            if member.checksum is not None:
                if not copies and member.checksum in self._seen:
                    continue
                self._seen.add(member.checksum)
            fault = None
            try:
                for execution in executions(member.stream):
                    self._check_room()
                    self._rows.append(ledger.enter(execution))
                    self._count += 1
            except UnfitError as error:
                fault = str(error)
            yield bounded(member.name) or "", fault

    def _check_room(self) -> None:
        if self._count >= MOST:
            raise UnfitError(f"the run has more than {MOST} results of tests")
