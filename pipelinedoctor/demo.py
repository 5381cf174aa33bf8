"""The demo: a recording, or a simulated organisation, served on loopback and taken the whole real way.

Nothing is short-cut: the fetcher speaks HTTP to a server that answers as the forge does.
"""

import dataclasses
import json
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pipelinedoctor.errors import StoreError, UsageError
from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.gitlab.fetcher import GitLabFetcher
from pipelinedoctor.fetch.interface import Fetcher, Order, Progress, Source
from pipelinedoctor.logs.rules import Rules, rules_beside
from pipelinedoctor.produce import Asked, Produced, produce
from pipelinedoctor.query import load
from pipelinedoctor.report import renderers
from pipelinedoctor.resources import shipped
from pipelinedoctor.simulate.forge import Forge, serve
from pipelinedoctor.simulate.gitlab.forge import serve_gitlab
from pipelinedoctor.simulate.organisation import write_organisation
from pipelinedoctor.simulate.score import Score, score
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync

STORE = "history.duckdb"
_BEFORE_ALL_CI = datetime(2018, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a demo; `score` is there where the truth is known. `fetched` has an entry for each forge."""

    produced: Produced
    fetched: Sequence[Summary]
    score: Score | None


def demo(recording: Path | None, seed: int, out: Path, asked: Asked, progress: Progress) -> Outcome:
    """Fetch a recording (or, without one, a simulated organisation of `seed`) over loopback and report on it.

    Writes `history.duckdb`, `report.html`, `report.json` and `wiki/` into `out`. Raises `UsageError` for a folder that is
    no recording, `StoreError` where `out` holds a store that is not a demo's.
    """
    with ExitStack() as stack:
        folder = recording or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pipelinedoctor-")))
        if recording is None:
            progress.start("simulate", None)
            write_organisation(folder, seed=seed)
            progress.finish("simulate", f"an organisation's CI, seed {seed}")
        out.mkdir(parents=True, exist_ok=True)
        _clear(out / STORE)
        store = stack.enter_context(Store.open(out / STORE))
        fetched = _fetch(folder, store, asked, progress)
        produced = produce(store, out, asked, progress)
        truth = folder / "truth.json"
        if not truth.exists():
            return Outcome(produced, fetched, None)
        known = json.loads(truth.read_text(encoding="utf-8"))
        (out / "truth.json").write_bytes(truth.read_bytes())
        return Outcome(produced, fetched, score(json.loads((out / "report.json").read_text(encoding="utf-8")), known))


def _fetch(folder: Path, store: Store, asked: Asked, progress: Progress) -> list[Summary]:
    """What the fetch from each recorded forge came to: that of the folder, and a GitLab's in `gitlab` within it."""
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; a recording is a folder with runs.jsonl and jobs.jsonl")
    with ThreadPoolExecutor(1) as aside, ExitStack() as stack:
        # The forges read their recordings in processes of their own: time to bring in what the report will need.
        packs = aside.submit(_packs, asked)
        kinds = [_GITLAB] if _is_gitlab(folder) else [_GITHUB]
        served = [(kinds[0], stack.enter_context(kinds[0].serve(folder)))]
        if (folder / "gitlab").is_dir():
            served.append((_GITLAB, stack.enter_context(_GITLAB.serve(folder / "gitlab"))))
        rules = packs.result()  # a question that does not load is told now, and not after the fetch
        return [_fetched(kind, forge, store, rules, progress) for kind, forge in served]


def _fetched(kind: "_Kind", forge: Forge, store: Store, rules: Rules, progress: Progress) -> Summary:
    source = Source(
        forge=kind.name,
        host=forge.host,
        url=forge.url,
        repositories=forge.repositories,
        token="loopback",  # noqa: S106  the loopback forge takes any
        throttle=0,
    )
    order = Order(since=_BEFORE_ALL_CI, until=forge.as_of + timedelta(seconds=1))
    fetched = sync(kind.fetcher(source), store, order, progress, origin=forge.origin, rules=rules)
    store.write(forge.host, forge.gaps)
    return dataclasses.replace(fetched, gaps=fetched.gaps + len(forge.gaps))


@dataclass(frozen=True, slots=True)
class _Kind:
    """A forge: its name, who serves a recording of it, who fetches from it."""

    name: str
    serve: Callable[[Path], AbstractContextManager[Forge]]
    fetcher: Callable[[Source], Fetcher]


_GITHUB = _Kind("github", serve, GitHubFetcher)
_GITLAB = _Kind("gitlab", serve_gitlab, GitLabFetcher)


def _is_gitlab(folder: Path) -> bool:
    """Whether a recording says that it is of a GitLab."""
    about = folder / "recording.json"
    try:
        told = json.loads(about.read_text(encoding="utf-8")) if about.exists() else {}
    except (OSError, ValueError):
        return False  # whoever opens it says what is wrong with it
    return isinstance(told, dict) and told.get("forge") == _GITLAB.name


def _packs(asked: Asked) -> Rules:
    """Load what the report will ask and render with; the rules are for the fetch."""
    load([shipped("queries"), *asked.queries])
    renderers(asked.formats, asked.templates)
    return rules_beside(asked.queries)


def _clear(path: Path) -> None:
    """Take an earlier demo's store away; refuse to touch one that holds anything else."""
    if not path.exists():
        return
    with Store.open(path) as store:
        live = store.connection.sql(
            "SELECT count(*) FROM sources WHERE origin NOT IN ('simulated', 'recording')"
        ).fetchall()[0][0]
    if live:
        raise StoreError(f"{path}: holds history that is no demo's, which a demo would overwrite; choose another --out")
    path.unlink()
