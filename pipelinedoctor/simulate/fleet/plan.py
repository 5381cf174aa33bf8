"""What a fleet is made of: repositories, pipelines, jobs and tests. No times, no chance events.

Of algorithms.md, section 7: pipelines a repository 1 to 5, jobs a pipeline log-normal (median 6, factor 1.8), tests a repository
log-normal (median 300, sigma 0.9, within a tenth and ten times the median), operating systems 0.8, 0.1, 0.1. Chosen here: a
repository's tests are parted among its pipelines, and each test job of a pipeline runs all of its tests; 2 to 30 jobs, half
of them test jobs (1 to 4), the first of the others lints, the second builds; in 3 of 10 pipelines of 4 jobs or more the last
closes the run, failing whenever another did; in 1 of 10 pipelines a job, or all test jobs, were named otherwise up to some day
between a fifth and four fifths of the window; 4 to 15 people a repository.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt

from pipelinedoctor.simulate.clock import DAY
from pipelinedoctor.simulate.fleet.settings import Settings, source
from pipelinedoctor.simulate.plan import HOST, ORGANISATION

FIRST_REPOSITORY = 4_001
SYSTEMS = ("ubuntu", "windows", "macos")
LABELS = {"ubuntu": "ubuntu-24.04", "windows": "windows-2022", "macos": "macos-14"}
CLOSING = "all-green"

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Kind = Literal["lint", "build", "other", "test", "closing"]

_MOST_TESTING = 4
_SYSTEM_SHARES = (0.8, 0.1, 0.1)
_VERSIONS = ("3.12", "3.13", "3.11", "3.14", "3.10")
_STORES = ("", "postgres", "mysql", "sqlite", "redis", "mongo")
_PIPELINES = (
    ("ci", "CI", "test"),
    ("integration", "Integration", "integration"),
    ("end-to-end", "End to end", "e2e"),
    ("compatibility", "Compatibility", "compat"),
    ("packages", "Packages", "package"),
)
_OTHERS = (
    "docs", "types", "image", "audit", "licences", "schema", "spelling", "changelog", "bundle size", "helm chart",
    "migrations", "translations", "contracts", "benchmarks", "notices", "preview", "diagrams", "manifest", "fuzz seeds",
    "sbom",
)  # fmt: skip
_FORMER = {"lint": "style", "build": "compile", "docs": "documentation", "types": "type check", "image": "container"}
_FORMER_WORD = "suite"
_REPOSITORIES = (
    "harbour", "ledger", "lantern", "quarry", "orchard", "beacon", "mill", "ferry", "granary", "anvil", "weir", "kiln",
    "loom", "barn", "wharf", "forge", "mint", "dovecote", "cellar", "spire",
)  # fmt: skip
_PEOPLE = (
    "alder", "birch", "cedar", "elm", "hazel", "juniper", "larch", "maple", "oak", "poplar", "rowan", "willow", "aspen",
    "beech", "cherry", "elder", "fir", "holly", "ivy", "laurel", "linden", "myrtle", "pine", "spruce", "yew",
)  # fmt: skip
_AREAS = (
    "accounts", "billing", "cart", "catalogue", "delivery", "export", "imports", "invoices", "login", "mail", "orders",
    "payments", "pricing", "reports", "returns", "search", "sessions", "stock", "tax", "uploads",
)  # fmt: skip
_VERBS = (
    "accepts", "adds", "closes", "counts", "deletes", "finds", "folds", "keeps", "lists", "merges", "opens", "orders",
    "parses", "refuses", "renders", "restores", "rounds", "saves", "sends", "sorts", "splits", "updates",
)  # fmt: skip
_THINGS = (
    "address", "batch", "customer", "discount", "empty_page", "filter", "gift", "history", "item", "label", "limit",
    "note", "old_entry", "page", "quota", "row", "schedule", "total", "unknown_key", "voucher",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class JobPlan:
    """A job. `system` and `version` are its matrix values; up to `renamed`, in seconds since 1970, it was called `former`."""

    name: str
    kind: Kind
    system: str = "ubuntu"
    version: str = ""
    former: str = ""
    renamed: int = 0


@dataclass(frozen=True)
class Pipeline:
    """A pipeline: its jobs, the closing one last, and the tests that each of its test jobs runs."""

    place: tuple[int, int]
    pipeline_id: int
    path: str
    name: str
    jobs: tuple[JobPlan, ...]
    tests: tuple[str, ...]
    seconds: Floats

    @cached_property
    def testing(self) -> Ints:
        """The places of its test jobs."""
        return np.array([at for at, job in enumerate(self.jobs) if job.kind == "test"], dtype=np.int64)

    @property
    def closing(self) -> bool:
        """Whether a job closes the run."""
        return self.jobs[-1].kind == "closing"


@dataclass(frozen=True)
class Repository:
    """A repository; `commits_a_day` is its own rate on a working day."""

    place: int
    repository_id: int
    name: str
    commits_a_day: float
    people: tuple[str, ...]
    pipelines: tuple[Pipeline, ...]

    @property
    def full_name(self) -> str:
        """Its name with its owner's."""
        return f"{ORGANISATION}/{self.name}"

    @property
    def html_url(self) -> str:
        """Its page."""
        return f"https://{HOST}/{self.full_name}"


def repositories(seed: int, settings: Settings) -> list[Repository]:
    """The repositories of the fleet."""
    return [_repository(source(seed, "plan", place), settings, place) for place in range(settings.repositories)]


def _repository(random: np.random.Generator, settings: Settings, place: int) -> Repository:
    rate = float(random.lognormal(np.log(settings.commits), 0.7))
    middle = settings.tests
    count = int(np.clip(round(random.lognormal(np.log(middle), 0.9)), max(middle / 10, 2), middle * 10))
    many = int(random.integers(1, len(_PIPELINES) + 1))
    names = _test_names(random, count)
    cuts = np.sort(random.choice(np.arange(1, count), min(many, count) - 1, replace=False))
    shares = [part for part in np.split(np.arange(count), cuts) if len(part)]
    number = FIRST_REPOSITORY + place
    pipelines = tuple(
        _pipeline(random, settings, (place, at), [names[one] for one in part]) for at, part in enumerate(shares)
    )
    people = tuple(str(one) for one in random.choice(_PEOPLE, int(random.integers(4, 16)), replace=False))
    round_, at = divmod(place, len(_REPOSITORIES))
    name = _REPOSITORIES[at] + (f"-{round_ + 1}" if round_ else "")
    return Repository(place, number, name, rate, people, pipelines)


def _pipeline(random: np.random.Generator, settings: Settings, place: tuple[int, int], tests: list[str]) -> Pipeline:
    file, name, word = _PIPELINES[place[1]]
    count = int(np.clip(round(random.lognormal(np.log(settings.jobs), np.log(1.8))), 2, 30))
    closing = [JobPlan(CLOSING, "closing")] if random.random() < 0.3 and count >= 4 else []
    matrix = _matrix(random, word, min(max(1, round(0.5 * count)), _MOST_TESTING))
    kinds: list[tuple[str, Kind]] = [("lint", "lint"), ("build", "build"), *((one, "other") for one in _OTHERS)]
    others = [JobPlan(*one) for one in kinds[: count - len(matrix) - len(closing)]]
    jobs = _renamed(random, settings, word, [*others, *matrix, *closing])
    seconds = np.round(random.lognormal(np.log(0.08), 1.2, len(tests)), 3)
    return Pipeline(
        place=place,
        pipeline_id=(FIRST_REPOSITORY + place[0]) * 10 + place[1],
        path=f".github/workflows/{file}.yml",
        name=name,
        jobs=tuple(jobs),
        tests=tuple(tests),
        seconds=seconds,
    )


def _matrix(random: np.random.Generator, word: str, count: int) -> list[JobPlan]:
    """The test jobs: the first on Ubuntu, the others on systems as they come, each system's with rising variety."""
    systems = ["ubuntu", *random.choice(SYSTEMS, count - 1, p=_SYSTEM_SHARES)]
    seen = dict.fromkeys(SYSTEMS, 0)
    jobs = []
    for system in systems:
        round_, at = divmod(seen[system], len(_VERSIONS))
        seen[system] += 1
        values = [system, _VERSIONS[at], *([_STORES[round_]] if round_ else [])]
        jobs.append(JobPlan(f"{word} ({', '.join(values)})", "test", str(system), _VERSIONS[at]))
    return jobs


def _renamed(random: np.random.Generator, settings: Settings, word: str, jobs: list[JobPlan]) -> list[JobPlan]:
    """The jobs, in some pipelines one of them, or all test jobs, with a former name."""
    drawn, which = random.random(2)
    at = settings.start + int((0.2 + 0.6 * random.random()) * settings.days * DAY)
    names = [*sorted(_FORMER.keys() & {job.name for job in jobs}), word]
    chosen = names[int(which * len(names))]
    if drawn >= 0.1:
        return jobs
    return [
        replace(job, former=_FORMER.get(job.name, job.name.replace(word, _FORMER_WORD, 1)), renamed=at)
        if job.name == chosen or (job.kind == "test" and chosen == word)
        else job
        for job in jobs
    ]


def _test_names(random: np.random.Generator, count: int) -> list[str]:
    """So many names `package.module::function`, sorted, without a digit that a mask or a fold of parameters could take."""
    every = len(_AREAS) * len(_VERBS) * len(_THINGS)
    layers = ("", *(f"{word}_" for word in ("slow", "fast", "nested", "remote", "cached", "signed", "partial", "late")))
    chosen = random.choice(every * len(layers) if count > every else every, count, replace=False)
    names = []
    for number in chosen.tolist():
        layer, rest = divmod(number, every)
        area, rest = divmod(rest, len(_VERBS) * len(_THINGS))
        verb, thing = divmod(rest, len(_THINGS))
        names.append(f"tests.{_AREAS[area]}.test_{_THINGS[thing]}::test_{layers[layer]}{_VERBS[verb]}_{_THINGS[thing]}")
    return sorted(names)
