"""What a fetch sets out to ask, told before its first request, as far as the marks of earlier fetches let it be known."""

import json
from collections.abc import Sequence

from pipelinedoctor.fetch.github.session import open_session
from pipelinedoctor.fetch.interface import Order, SyncState


def plan(repositories: Sequence[str], order: Order, state: SyncState) -> str:
    """One line: pages of runs that are looked at again, windows of time that are new, and what may come of them.

    Raises `StoreError` for marks that cannot be read.
    """
    pages = windows = 0
    for name in repositories:
        session = open_session(name, order, state)
        for span in session.spans():
            known = state.get("leaf", f"{name} {span}") if span in session.leaves else None
            pages += len(json.loads(known)) if known else 0
            windows += known is None
    parts = (
        [
            _counted(
                pages,
                "page of runs to look at again (free where unchanged)",
                "pages of runs to look at again (free where unchanged)",
            )
        ]
        if pages
        else []
    )
    parts.append(_counted(windows, "window of time to list", "windows of time to list"))
    limit = "" if order.max_requests is None else f"; {order.max_requests:,} requests at the most"
    about = _counted(len(repositories), "repository", "repositories")
    return f"{about}: {', '.join(parts)}, then what ran in them, failures first in full{limit}"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"
