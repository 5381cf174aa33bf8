"""Which job of a run an artifact belongs to. The forge does not tell; names do, as far as they do. Pure."""

import math
import re
from collections import Counter
from collections.abc import Collection

_WORD = re.compile(r"\d+(?:\.\d+)*|[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[^\W\d_]+")
_REPORT_WORDS = frozenset({"junit", "xunit", "report", "result", "test", "surefire", "pytest", "ctest", "jest", "trx"})
_ENOUGH = 0.5
"""Least share of what an artifact's name says about jobs that the chosen job must account for."""


def looks_like_report(artifact_name: str) -> bool:
    """Whether a name promises test reports."""
    return not _REPORT_WORDS.isdisjoint(_words(artifact_name))


def assign(artifact_name: str, job_names: Collection[str]) -> str | None:
    """The name out of `job_names` that an artifact belongs to; None where no one name fits best.

    A name that is equal but for case and punctuation wins at once. Else each word that the artifact's name shares
    with a job's counts by its rarity among the jobs (the logarithm of jobs per job that has it, as in text search),
    and the job that shares most is taken, if that is at least half of what the artifact's words could count.
    Of jobs that share alike, the only one whose name the artifact spells out entirely is taken, or none.
    """
    jobs = {name: _words(name) for name in sorted(set(job_names))}
    artifact = _words(artifact_name)
    folded = [name for name in jobs if _fold(name) == _fold(artifact_name)]
    if len(folded) == 1:
        return folded[0]
    spread = Counter(word for words in jobs.values() for word in words)
    weights = {word: math.log(1 + len(jobs) / spread[word]) for word in sorted(artifact) if word in spread}
    shares = {name: math.fsum(weights[word] for word in sorted(artifact & words)) for name, words in jobs.items()}
    most = max(shares.values(), default=0.0)
    if most <= 0.0 or most < _ENOUGH * math.fsum(weights.values()):
        return None
    best = [name for name, share in shares.items() if math.isclose(share, most)]
    if len(best) > 1:
        best = [name for name in best if jobs[name] <= artifact]
    return best[0] if len(best) == 1 else None


def _words(name: str) -> frozenset[str]:
    """The words and numbers of a name in lower case, `3.11` as `311`, plurals as their singular."""
    return frozenset(_singular(word.replace(".", "").lower()) for word in _WORD.findall(name))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def _fold(name: str) -> str:
    return "".join(character for character in name.casefold() if character.isalnum())
