"""Which repositories a source means: names, patterns, exclusions and topics. Pure; the same for all forges.

Entries are paths of two or more segments, `owner/name` or GitLab's `group/subgroup/name`, compared without regard to case,
as the forges do. In a pattern `*` stands for any text within a segment and a segment `**` for any number of segments: at
the end for one or more, elsewhere for none or more. Each pattern begins with the name of an owner or group, which is what
a forge can list. `!` before a name or a pattern excludes, wherever it stands in the list: exclusions always win.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pipelinedoctor.fetch.interface import Closed, Page
from pipelinedoctor.model import FetchGap

_EVERY = "**"
_SEGMENT = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._*-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A repository that may be meant. `repository_id` is None where only the name is known."""

    repository_id: int | None
    full_name: str
    archived: bool = False
    topics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The repositories of a source: those it names, in its order, then those its patterns found, by name.

    `lacking` has, by pattern, why it found none; `finding` are the other patterns.
    """

    repositories: tuple[Candidate, ...]
    lacking: Mapping[str, str]
    finding: tuple[str, ...]

    def page(self, host: str) -> Page:
        """What patterns found nothing, and which do again, as gaps."""
        rows = [
            FetchGap(host=host, repository=one, kind="runs", subject=one, reason=reason, rows_missing=None)
            for one, reason in self.lacking.items()
        ]
        return Page(rows=rows, closed=[Closed(repository=one, kind="runs", subject=one) for one in self.finding])


@dataclass(frozen=True, slots=True)
class Selection:
    """The entries of one source, as they were written; excluded names are gone. Made by `of`."""

    names: tuple[str, ...]
    patterns: tuple[str, ...]
    exclusions: tuple[str, ...]
    topics: frozenset[str]

    @classmethod
    def of(cls, repositories: Iterable[str], topics: Iterable[str] = ()) -> "Selection":
        """The selection of a source's `repositories`, each an entry that `check` lets pass, and its `topics`.

        An entry that stands twice counts once; the order of the names is kept.
        """
        entries = tuple(repositories)
        exclusions = tuple(entry[1:] for entry in entries if entry.startswith("!"))
        wanted: dict[str, str] = {}
        for entry in entries:
            if not entry.startswith("!"):
                wanted.setdefault(entry.casefold(), entry)
        literal = (entry for entry in wanted.values() if "*" not in entry)
        names = tuple(name for name in literal if not any(_fits(one, name) for one in exclusions))
        patterns = tuple(entry for entry in wanted.values() if "*" in entry)
        return cls(names, patterns, exclusions, frozenset(topic.casefold() for topic in topics))

    @property
    def roots(self) -> tuple[str, ...]:
        """The owners or groups whose repositories are to be listed for the patterns, with all groups within; sorted.

        None lies within another.
        """
        found = {root.casefold(): root for root in map(_root, sorted(self.patterns, reverse=True))}
        return tuple(root for key, root in sorted(found.items()) if not any(lies_in(key, other) for other in found))

    def picks(self, candidate: Candidate) -> bool:
        """Whether the repository is meant.

        By its name it is, even archived and whatever its topics; by a pattern only where it is not archived and, with
        topics, has one of them. An excluded one never is.
        """
        name = candidate.full_name
        if any(_fits(one, name) for one in self.exclusions):
            return False
        if name.casefold() in {one.casefold() for one in self.names}:
            return True
        return self._taken(candidate) and any(_fits(one, name) for one in self.patterns)

    def chosen(self, candidates: Iterable[Candidate], refused: Mapping[str, str]) -> Chosen:
        """What of the candidates is meant, and what is named. `refused` has, by root, why it could not be listed."""
        found = {one.full_name.casefold(): one for one in candidates}
        idle = self.idle(found.values())
        picked = {key: one for key, one in sorted(found.items()) if self.picks(one)}
        named = [Candidate(repository_id=None, full_name=name) for name in self.names]
        first = [picked.pop(one.full_name.casefold(), one) for one in named]
        topical = f", with a topic of {', '.join(sorted(self.topics))}" if self.topics else ""
        nothing = f"no such repository that the token may read and that is not archived{topical}"
        lacking = {
            pattern: next((why for root, why in refused.items() if lies_in(pattern, root)), nothing) for pattern in idle
        }
        return Chosen((*first, *picked.values()), lacking, tuple(one for one in self.patterns if one not in lacking))

    def idle(self, candidates: Iterable[Candidate]) -> tuple[str, ...]:
        """The patterns that pick none of the candidates: a mistake, or a right that lacks."""
        open_ones = [one for one in candidates if self._taken(one) and self.picks(one)]
        return tuple(
            pattern for pattern in self.patterns if not any(_fits(pattern, one.full_name) for one in open_ones)
        )

    def _taken(self, candidate: Candidate) -> bool:
        topical = not self.topics or not self.topics.isdisjoint(topic.casefold() for topic in candidate.topics)
        return topical and not candidate.archived


def check(entry: str, *, nested: bool) -> None:
    """Raise `ValueError`, saying what is wrong, unless `entry` may stand in a source's `repositories`.

    `nested`: the forge knows groups within groups, so that a name may have more than two segments.
    """
    path = entry.removeprefix("!")
    segments = path.split("/")
    shape = "group/name or group/subgroup/name" if nested else "owner/name"
    if len(segments) < 2 or (len(segments) > 2 and not nested) or not all(map(_SEGMENT.fullmatch, segments)):
        raise ValueError(f"{entry!r} is no repository; write it as {shape}, or a pattern as owner/*")
    if any(_EVERY in one and one != _EVERY for one in segments):
        raise ValueError(f"{entry!r}: ** stands for whole segments; write * within one")
    if "*" in segments[0] and not entry.startswith("!"):
        raise ValueError(f"{entry!r}: a pattern begins with the name of an owner or group, as owner/*")


def lies_in(path: str, root: str) -> bool:
    """Whether a name or a pattern belongs to an owner or group, or to a group within it."""
    return path.casefold().startswith(f"{root.casefold()}/")


def _root(pattern: str) -> str:
    segments = pattern.split("/")
    return "/".join(segments[: next(at for at, one in enumerate(segments) if "*" in one)])


def _fits(pattern: str, name: str) -> bool:
    return _matches(pattern.casefold().split("/"), name.casefold().split("/"))


def _matches(pattern: list[str], name: list[str]) -> bool:
    if not pattern or not name:
        return not pattern and not name
    head, *rest = pattern
    if head != _EVERY:
        return fnmatchcase(name[0], head) and _matches(rest, name[1:])
    if not rest:
        return True
    return any(_matches(rest, name[at:]) for at in range(len(name)))
