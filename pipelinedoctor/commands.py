"""What the commands do, without a word printed: read the configuration, fetch, report."""

import dataclasses
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelinedoctor import config as configuration
from pipelinedoctor import ignore_file, timespan
from pipelinedoctor import ingest as ingesting
from pipelinedoctor import manifest as manifests
from pipelinedoctor.errors import BudgetError, ForgeError, StoreError, UsageError
from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.interface import Fetcher, Level, Order, Progress, Source
from pipelinedoctor.ingest import Ingested
from pipelinedoctor.logs.rules import Rules, rules_beside
from pipelinedoctor.manifest import Handed
from pipelinedoctor.model import Forge
from pipelinedoctor.produce import Asked, Produced, produce
from pipelinedoctor.query import load
from pipelinedoctor.resources import shipped
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync

if TYPE_CHECKING:
    from pipelinedoctor.fetch.diagnosis import Diagnosis


def asked(
    config_file: Path | None,
    formats: str | None,
    as_of: str | None,
    window: str | None,
    queries: list[Path] | None,
    templates: list[Path] | None,
) -> Asked:
    """The options of an analysing command, checked before a fetch begins; raises `ConfigError` and `UsageError`."""
    config = configuration.read(config_file)
    _check([*(queries or []), *(templates or [])])
    chosen = [one.strip() for one in formats.split(",")] if formats else config.report.formats
    for one in chosen:
        if one not in configuration.FORMATS:
            raise UsageError(f"--format {one}: no such format; known are: {', '.join(configuration.FORMATS)}")
    place = configuration.ignore_place(config, config_file)
    made = Asked(
        config=config,
        config_file=config_file,
        queries=queries or [],
        templates=templates or [],
        formats=[one for one in configuration.FORMATS if one in chosen],
        as_of=timespan.moment(as_of) if as_of else None,
        window=window or config.report.window,
        trend=config.report.trend,
        ignored=ignore_file.read(place, _today(as_of), needed=config.ignore is not None),
        ignore_file=place.name,
    )
    timespan.span(made.window)
    return made


def _today(as_of: str | None) -> date:
    """The later of now and the report's time: a report on the past takes the entries of today, and ends none of them."""
    now = datetime.now(UTC)
    return max(now, timespan.moment(as_of)).date() if as_of else now.date()


@dataclass(frozen=True, slots=True, kw_only=True)
class ToFetch:
    """What a fetching command was asked for. `detail` goes before the configuration's."""

    config_file: Path | None
    since: str
    max_requests: int | None
    max_wait: str
    detail: str | None
    queries: Sequence[Path]


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the fetch from one source came to, if it began; `error` says why it ended early, where it did."""

    host: str
    summary: Summary | None
    error: ForgeError | None


def fetch(wanted: ToFetch, progress: Progress) -> Iterator[Fetched]:
    """Fetch from every source in turn; a source that cannot be read is handed on with its error, and the next one follows.

    `max_requests` is for all sources together, and shared out among them; the failure rules in the directories of `queries` act beside the shipped
    ones. Raises `ConfigError`, `UsageError`, `PackError` and `StoreError`.
    """
    config = configuration.read(wanted.config_file)
    sources = configuration.sources(config, wanted.config_file)
    _check(wanted.queries)
    # A mistake in the options of a question is told now, and not after an hour of fetching.
    questions = load([shipped("queries"), *wanted.queries])
    kinds = {name: question.options for name, question in questions.items()}
    configuration.query_options(config, kinds, wanted.config_file)
    rules = rules_beside(wanted.queries)
    now = datetime.now(UTC).replace(microsecond=0)
    order = Order(
        since=timespan.since(wanted.since, now),
        until=now,
        max_requests=wanted.max_requests,
        max_wait=timespan.wait(wanted.max_wait),
    )
    with Store.open(config.store) as store:
        waiting: list[_Turn] = []
        for section, source in zip(config.sources, sources, strict=True):
            if source.token is None and source.app is None:
                lacks = f"{section.token_env} is not set, so there is no token: few requests an hour, and no logs"
                progress.finish(source.host, lacks)
            level = Level(wanted.detail) if wanted.detail else section.detail
            waiting.append(_Turn(source, dataclasses.replace(order, level=level)))
            # Where this fetch is killed, the report is to know that it did not come so far.
            _note(store, source, "not read by the newest fetch, which was broken off")
        yield from _taking_turns(waiting, store, progress, rules)


@dataclass(slots=True)
class _Turn:
    source: Source
    order: Order
    summary: Summary | None = None


def _taking_turns(waiting: list[_Turn], store: Store, progress: Progress, rules: Rules) -> Iterator[Fetched]:
    """The fetches of all sources. Each has an equal share of the requests; what one leaves is for those that need more."""
    left = waiting[0].order.max_requests
    hosts = Counter(turn.source.host for turn in waiting)
    failed: dict[str, tuple[Source, ForgeError]] = {}
    while waiting:
        again: list[_Turn] = []
        for place, turn in enumerate(waiting):
            share = None if left is None else left // (len(waiting) - place)
            if share == 0:
                error = BudgetError(f"{turn.source.host}: not read to the end: the requests were spent on the others")
                _note(store, turn.source, "not read to the end: --max-requests was spent on the other sources")
                yield Fetched(turn.source.host, turn.summary, error)
                continue
            done = _fetched(turn.source, store, dataclasses.replace(turn.order, max_requests=share), progress, rules)
            spent = done.summary.requests - done.summary.free if done.summary else 0
            turn.summary = _together(turn.summary, done.summary)
            left = None if left is None else max(left - spent, 0)
            if (
                isinstance(done.error, BudgetError)
                and share is not None
                and spent >= share
                and len(waiting) > 1
                and left
            ):
                again.append(turn)
                continue
            if done.error is not None:
                failed.setdefault(turn.source.host, (turn.source, done.error))
            yield Fetched(turn.source.host, turn.summary, done.error)
        waiting = again
    for host, (source, reason) in failed.items():
        if hosts[host] > 1:
            # The host has one line in the report, and another of its sources that went well must not speak for all.
            _note(store, source, f"not all of its sources were read: {reason}")


def _together(first: Summary | None, second: Summary | None) -> Summary | None:
    """What two fetches of a source, one after the other, came to."""
    if first is None or second is None:
        return first or second
    return Summary(
        requests=first.requests + second.requests,
        new=Counter(first.new) + Counter(second.new),
        changed=Counter(first.changed) + Counter(second.changed),
        gaps=first.gaps + second.gaps,
        outcome=second.outcome,
        free=first.free + second.free,
        dirty=first.dirty + second.dirty,
        unread=tuple(dict.fromkeys((*first.unread, *second.unread))),
    )


def _note(store: Store, source: Source, outcome: str) -> None:
    store.record_source(host=source.host, forge=source.forge, origin="live", fetched_at=None, outcome=outcome)


def _fetched(source: Source, store: Store, order: Order, progress: Progress, rules: Rules) -> Fetched:
    ended: list[Summary] = []
    try:
        sync(fetcher_of(source), store, order, progress, rules=rules, ended=ended.append)
    except ForgeError as error:
        return Fetched(source.host, ended[0] if ended else None, error)
    return Fetched(source.host, ended[0], None)


def handed(paths: Sequence[Path], manifest: Path | None, options: Mapping[str, str | int | None]) -> list[Handed]:
    """What `ingest` is handed: paths that belong to what the options say, or the lines of a manifest.

    `options` go by the manifest's keys, None where one was not given. Raises `UsageError`.
    """
    given = {key: value for key, value in options.items() if value is not None}
    if manifest is not None:
        if paths or given:
            raise UsageError("--manifest says it all: leave out paths, and options but --host")
        return manifests.read(manifest)
    if not paths:
        raise UsageError("name files or directories of reports, or a --manifest of them")
    belonging = manifests.belonging(given)
    return [Handed(path, belonging) for path in paths]


def ingest(config_file: Path | None, host: str, paths: Sequence[Handed], progress: Progress) -> Ingested:
    """Ingest what is handed in, into the store, under `host` in small letters, as hosts are.

    Raises `ConfigError`, `UsageError` and `StoreError`.
    """
    config = configuration.read(config_file)
    if not host.strip() or bounded(host) != host:
        raise UsageError("--host: a short name for where the reports come from, as jenkins.example.org")
    now = datetime.now(UTC).replace(microsecond=0)
    with Store.open(config.store) as store:
        return ingesting.ingest(store, host.strip().lower(), manifests.files(paths), now, progress)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at one source told. `variable` holds its token or key, `authorities` vouch for its certificate."""

    diagnosis: "Diagnosis"
    variable: str
    proxy: str | None
    authorities: str


@dataclass(frozen=True, slots=True)
class StoreState:
    """What the store is like: its size in bytes and the newest fetch of each source, or why it cannot be read."""

    path: Path
    size: int | None
    sources: Sequence[tuple[str, datetime | None, str]]
    trouble: str | None


def doctor(config_file: Path | None) -> tuple[list[Looked], StoreState]:
    """Look at every source and at the store; raises `ConfigError`, and nothing for what lies outside the configuration."""
    from pipelinedoctor.fetch.web import authorities, proxy_of  # noqa: PLC0415  other commands need no such library

    config = configuration.read(config_file)
    sources = configuration.sources(config, config_file)
    looked = [
        Looked(
            diagnosis=_look(source),
            variable=section.private_key_env or section.token_env,
            proxy=proxy_of(source.url),
            authorities="=".join(filter(None, authorities())),
        )
        for section, source in zip(config.sources, sources, strict=True)
    ]
    return looked, _state(config.store)


def _look(source: Source) -> "Diagnosis":
    """What a look at a source tells; of the forges' libraries only the one that is needed is imported."""
    if source.forge == Forge.GITLAB:
        from pipelinedoctor.fetch.gitlab import doctor as gitlab  # noqa: PLC0415

        return gitlab.look(source)
    from pipelinedoctor.fetch.github import doctor as github  # noqa: PLC0415

    return github.look(source)


def _state(path: Path) -> StoreState:
    if not path.exists():
        return StoreState(path, None, [], "not there yet; `pipelinedoctor fetch` makes it")
    size = path.stat().st_size
    try:
        with Store.open(path, read_only=True) as store:
            rows = store.connection.sql("SELECT host, fetched_at, outcome FROM sources ORDER BY ALL").fetchall()
    except StoreError as error:
        return StoreState(path, size, [], str(error).removeprefix(f"{path}: "))
    return StoreState(path, size, rows, None)


def fetcher_of(source: Source) -> Fetcher:
    """What fetches from a source; of the forges' libraries only the one that is needed is imported."""
    if source.forge == Forge.GITLAB:
        from pipelinedoctor.fetch.gitlab.fetcher import GitLabFetcher  # noqa: PLC0415

        return GitLabFetcher(source)
    from pipelinedoctor.fetch.github.fetcher import GitHubFetcher  # noqa: PLC0415

    return GitHubFetcher(source)


def report(wanted: Asked, out: Path | None, progress: Progress) -> Produced:
    """Report on what the store holds; raises what `produce` raises, and `StoreError` where there is no store."""
    path = wanted.config.store
    if not path.exists():
        raise StoreError(f"{path}: no such store; `pipelinedoctor fetch` makes it")
    with Store.open(path, read_only=True) as store:
        return produce(store, out or wanted.config.report.out, wanted, progress)


def _check(directories: Sequence[Path]) -> None:
    for directory in directories:
        if not directory.is_dir():
            raise UsageError(f"{directory}: no such directory; --queries and --templates each name one")
