"""Renames inside one pipeline: a name that ends and one that begins at nearly the same run, where it is one to one.

The evidence: time (the old name is gone where the new one begins; the two hardly ever run in one run; one of them is in
most runs on both sides of the cut), words (what the two names share and in what they differ), uniqueness (each is the
other's best match, without a tie), and company (several renames at one cut that swap the same words). A doubtful case
is no rename: two short histories mislead less than one history of two jobs.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]
Words = frozenset[str]

LEAST_RUNS = 3
"""A name in fewer runs has no history to join."""
STRAY_SHARE = 0.2
"""Share of a name's runs that may lie on the wrong side of the cut: branches that have not taken the change over yet."""
TOGETHER_SHARE = 0.02
"""Share of the shorter name's runs that may hold both names."""
NEIGHBOURHOOD = 20
"""How many runs on each side of a cut are looked at."""

_WORD = re.compile(r"[^\W_]+(?:\.\d+)*")
_BRACKETS = re.compile(r"[(\[][^)\]]*[)\]]")
_DIGIT = re.compile(r"\d")
_ENDING = 3


@dataclass(frozen=True)
class _Name:
    """A name, the places of its runs in the order of the pipeline's runs, and its words."""

    text: str
    places: Places

    @cached_property
    def words(self) -> Words:
        return frozenset(_WORD.findall(self.text.casefold()))

    @cached_property
    def head(self) -> Words:
        """The words outside of brackets: what is not a matrix value."""
        return frozenset(_WORD.findall(_BRACKETS.sub(" ", self.text).casefold()))

    @property
    def strays(self) -> int:
        return int(len(self.places) * STRAY_SHARE)

    @property
    def begin(self) -> int:
        """The first place, strays left out."""
        return int(self.places[self.strays])

    @property
    def end(self) -> int:
        """The last place, strays left out."""
        return int(self.places[len(self.places) - 1 - self.strays])

    def between(self, start: int, stop: int) -> Places:
        """The places in `[start, stop)`."""
        low, high = np.searchsorted(self.places, (start, stop))
        return self.places[low:high]


@dataclass(frozen=True)
class _Pair:
    """A name that ends and one that begins, and the place of the first run after the cut between them."""

    old: _Name
    new: _Name
    cut: int

    @cached_property
    def swap(self) -> tuple[Words, Words]:
        """The words lost and the words gained."""
        return self.old.words - self.new.words, self.new.words - self.old.words

    @cached_property
    def distance(self) -> int:
        """How many words are lost or gained."""
        return len(self.old.words ^ self.new.words)


def successors(runs: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """For each renamed name the name that followed it; no name follows two, and there is no circle.

    `runs` holds for each name the rising places of its runs in the pipeline's order of runs, which start at 0.
    """
    names = [_Name(text, np.asarray(places, dtype=np.int64)) for text, places in sorted(runs.items())]
    known = [name for name in names if len(name.places) >= LEAST_RUNS and "${{" not in name.text]
    pairs = _adjacent(known)
    together = _one_to_one(_closest(_in_company(pairs), pairs))
    olds, news = {pair.old.text for pair in together}, {pair.new.text for pair in together}
    free = [pair for pair in pairs if pair.old.text not in olds and pair.new.text not in news]
    alone = _one_to_one([pair for pair in free if _plain_change(pair) and _unrivalled(pair, known, together)])
    return {pair.old.text: pair.new.text for pair in [*together, *alone]}


def _adjacent(names: Sequence[_Name]) -> list[_Pair]:
    """The pairs that words and time allow."""
    if not names:
        return []
    last = max(int(name.places[-1]) for name in names)
    begins = np.array([name.begin for name in names])
    firsts = np.array([int(name.places[0]) for name in names])
    pairs = []
    for old in names:
        for index in np.flatnonzero((begins > old.end) & (firsts <= old.places[-1] + NEIGHBOURHOOD)):
            new = names[int(index)]
            if _may_be_renamed(old, new) and _hardly_together(old, new):
                pair = _Pair(old, new, _cut(old, new))
                if _always_one(pair, last):
                    pairs.append(pair)
    return pairs


def _cut(old: _Name, new: _Name) -> int:
    """The place that leaves the fewest runs on the wrong side: of the old name after it, of the new one before it."""
    candidates = np.append(old.end + 1, new.places[(new.places > old.end + 1) & (new.places <= new.begin)])
    wrong = len(old.places) - np.searchsorted(old.places, candidates) + np.searchsorted(new.places, candidates)
    # Of equal cuts the last: it lies at the new name's first run, and not in a gap before it.
    return int(candidates[len(wrong) - 1 - int(np.argmin(wrong[::-1]))])


def _hardly_together(old: _Name, new: _Name) -> bool:
    both = np.intersect1d(
        old.between(new.places[0], new.places[-1] + 1),
        new.between(old.places[0], old.places[-1] + 1),
        assume_unique=True,
    )
    return len(both) <= TOGETHER_SHARE * min(len(old.places), len(new.places))


def _always_one(pair: _Pair, last: int) -> bool:
    """Whether on both sides of the cut most runs hold the one or the other name."""
    sides = ((max(0, pair.cut - NEIGHBOURHOOD), pair.cut), (pair.cut, min(last + 1, pair.cut + NEIGHBOURHOOD)))
    for start, stop in sides:
        either = len(np.union1d(pair.old.between(start, stop), pair.new.between(start, stop)))
        if 2 * either < stop - start:
            return False
    return True


def _may_be_renamed(old: _Name, new: _Name) -> bool:
    """Whether the words allow a rename: something is kept, and no matrix value or number is replaced by another."""
    lost, gained = old.words - new.words, new.words - old.words
    if not old.words & new.words or (lost and gained and old.head == new.head):
        return False
    return not (_numbers(lost) and _numbers(gained))


def _numbers(words: Words) -> bool:
    return any(_DIGIT.search(word) for word in words)


def _in_company(pairs: Sequence[_Pair]) -> list[_Pair]:
    """The pairs that swap the same words as another pair at the same cut."""
    alike: dict[tuple[Words, Words], list[_Pair]] = defaultdict(list)
    for pair in pairs:
        alike[pair.swap].append(pair)
    return [
        pair
        for pair in pairs
        if any(
            other.old is not pair.old and other.new is not pair.new and _near(pair, other) for other in alike[pair.swap]
        )
    ]


def _closest(candidates: Sequence[_Pair], pairs: Sequence[_Pair]) -> list[_Pair]:
    """The candidates where no other pair of either name differs in as few words: a name split in two is no rename."""
    sharing: dict[str, list[_Pair]] = defaultdict(list)
    for pair in pairs:
        sharing[pair.old.text].append(pair)
        sharing[pair.new.text].append(pair)
    return [
        pair
        for pair in candidates
        if not any(
            (other.old is pair.old) != (other.new is pair.new) and other.distance <= pair.distance
            for other in (*sharing[pair.old.text], *sharing[pair.new.text])
        )
    ]


def _near(one: _Pair, other: _Pair) -> bool:
    return abs(one.cut - other.cut) <= NEIGHBOURHOOD


def _one_to_one(pairs: Sequence[_Pair]) -> list[_Pair]:
    """The pairs whose names stand in no other pair on the same side."""
    olds = Counter(pair.old.text for pair in pairs)
    news = Counter(pair.new.text for pair in pairs)
    return [pair for pair in pairs if olds[pair.old.text] == 1 and news[pair.new.text] == 1]


def _plain_change(pair: _Pair) -> bool:
    """Whether the change of words speaks for itself: words only added or only taken away, or an ending changed."""
    lost, gained = pair.swap
    if not any(word.isalpha() for word in pair.old.words & pair.new.words):
        return False
    if not lost or not gained:
        return True
    if len(lost) > 1 or len(gained) > 1:
        return False
    short, long = sorted((*lost, *gained), key=len)
    return long.startswith(short) and short.isalpha() and 0 < len(long) - len(short) <= _ENDING <= len(short)


def _unrivalled(pair: _Pair, names: Sequence[_Name], settled: Sequence[_Pair]) -> bool:
    """Whether no other name that ends or begins at the cut, or that lives on, could be meant as well."""
    here = [other for other in settled if _near(pair, other)]
    gone, come = {other.old.text for other in here}, {other.new.text for other in here}
    others = [name for name in names if name is not pair.old and name is not pair.new]
    return not any(
        _rivals_the_old(name, pair) or _rivals_the_new(name, pair) or _shares_what_is_kept(name, pair)
        for name in others
        if name.text not in gone and name.text not in come
    )


def _rivals_the_old(name: _Name, pair: _Pair) -> bool:
    """It ends at the cut as well, and the new name is as near to it or has taken a word from it."""
    before, after = _around(name, pair.cut)
    if not before or after > _spill(pair) * before:
        return False
    gained = pair.swap[1]
    return bool(gained & name.words) or len(name.words ^ pair.new.words) <= pair.distance


def _rivals_the_new(name: _Name, pair: _Pair) -> bool:
    """It begins at the cut as well, and the old name is as near to it or has left a word to it."""
    before, after = _around(name, pair.cut)
    if not after or before > _spill(pair) * after:
        return False
    lost = pair.swap[0]
    return bool(lost & name.words) or len(name.words ^ pair.old.words) <= pair.distance


def _shares_what_is_kept(name: _Name, pair: _Pair) -> bool:
    """It is there before and after, so what the two names share does not single them out."""
    before, after = _around(name, pair.cut)
    return bool(before and after) and pair.old.words & pair.new.words <= name.words


def _around(name: _Name, cut: int) -> tuple[int, int]:
    return len(name.between(cut - NEIGHBOURHOOD, cut)), len(name.between(cut, cut + NEIGHBOURHOOD))


def _spill(pair: _Pair) -> float:
    """The share of its runs near the cut that a name leaving or coming with this pair may have on the wrong side."""
    old_before, old_after = _around(pair.old, pair.cut)
    new_before, new_after = _around(pair.new, pair.cut)
    wrong, right = old_after + new_before, old_before + new_after
    return max(0.25, 1.5 * wrong / max(right, 1))
