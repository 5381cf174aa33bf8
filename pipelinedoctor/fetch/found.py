"""What the patterns of a source find in the forge's lists, for a look: a repository to try, and patterns that are in vain.

Lists are read until every pattern has found something, and no further than some pages.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.selection import Candidate, Selection, check, lies_in

PAGE = 100
"""Entries of a page, as many as the forges give."""
_PAGES = 5
_ROOTS = 3
"""Most owners or groups whose lists are read."""

Pages = Callable[[str, int], Sequence[Candidate | None]]
"""By root and number from 1, a page of its list, with None for what is no repository; raises `ForgeError`."""


@dataclass(frozen=True, slots=True)
class Found:
    """The first repository that patterns mean, how many they mean of what was listed, and why some are in vain, if so."""

    first: str | None
    notes: tuple[str, ...]
    trouble: str | None


def found(selection: Selection, pages: Pages) -> Found:
    """Look for what the patterns mean; raises what `pages` raises."""
    first, notes, vain, ended = None, [], list[str](), True
    for root in selection.roots[:_ROOTS]:
        listed, whole = _listed(selection, root, pages)
        picked = [one for one in listed if selection.picks(one)]
        # By name, as a fetch takes them: the order of a list is the forge's own matter.
        first = first or min((one.full_name for one in picked if one.full_name not in selection.names), default=None)
        notes.append(f"{len(picked)} of {'all' if whole else 'the first'} {len(listed)} repositories of {root} match")
        vain += _idle(selection, root, listed)
        ended &= whole
    few = "" if ended else " in the part of the list that was read"
    return Found(first, tuple(notes), f"nothing matches {', '.join(vain)}{few}" if vain else None)


def _listed(selection: Selection, root: str, pages: Pages) -> tuple[list[Candidate], bool]:
    """What was read of the list of a root, and whether that is all of it."""
    listed: list[Candidate] = []
    for number in range(1, _PAGES + 1):
        page = pages(root, number)
        listed += [one for one in page if one is not None and lies_in(one.full_name, root)]
        if len(page) < PAGE:
            return listed, True
        if not _idle(selection, root, listed):
            break
    return listed, False


def _idle(selection: Selection, root: str, listed: Iterable[Candidate]) -> list[str]:
    return [pattern for pattern in selection.idle(listed) if lies_in(pattern, root)]


def entries(page: object, name: str, *, nested: bool) -> list[Candidate | None]:
    """The repositories of a page of a list, in JSON; `name` is the key of the whole name."""
    return [_candidate(body, name, nested=nested) for body in page] if isinstance(page, list) else []


def _candidate(body: object, key: str, *, nested: bool) -> Candidate | None:
    if not isinstance(body, Mapping):
        return None
    name, topics = bounded(body.get(key)), body.get("topics", body.get("tag_list"))
    try:
        check(name or "", nested=nested)
    except ValueError:
        return None
    return Candidate(
        repository_id=None,
        full_name=name or "",
        archived=body.get("archived") is True,
        topics=tuple(topic for one in topics if (topic := bounded(one))) if isinstance(topics, list) else (),
    )
