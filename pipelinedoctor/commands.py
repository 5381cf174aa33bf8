"""What the commands do, without a word printed: read the configuration, fetch, report."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipelinedoctor import config as configuration
from pipelinedoctor import timespan
from pipelinedoctor.errors import BudgetError, ForgeError, StoreError, UsageError
from pipelinedoctor.fetch.interface import Fetcher, Order, Progress, Source
from pipelinedoctor.logs.rules import rules_beside
from pipelinedoctor.model import Forge
from pipelinedoctor.produce import Asked, Produced, produce
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import sync


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
    made = Asked(
        config=config,
        config_file=config_file,
        queries=queries or [],
        templates=templates or [],
        formats=[one for one in configuration.FORMATS if one in chosen],
        as_of=timespan.moment(as_of) if as_of else None,
        window=window or config.report.window,
        trend=config.report.trend,
    )
    timespan.span(made.window)
    return made


def fetch(
    config_file: Path | None, since: str, max_requests: int | None, queries: Sequence[Path], progress: Progress
) -> Iterator[ForgeError]:
    """Fetch from every source in turn; a source that cannot be read is handed on as its error, and the next one follows.

    `max_requests` is for all sources together; the failure rules in the directories of `queries` act beside the shipped
    ones. Raises `ConfigError`, `UsageError`, `PackError` and `StoreError`.
    """
    config = configuration.read(config_file)
    sources = configuration.sources(config, config_file)
    _check(queries)
    rules = rules_beside(queries)
    now = datetime.now(UTC).replace(microsecond=0)
    start = timespan.since(since, now)
    left = max_requests
    with Store.open(config.store) as store:
        for section, source in zip(config.sources, sources, strict=True):
            if source.token is None:
                lacks = f"{section.token_env} is not set, so there is no token: few requests an hour, and no logs"
                progress.finish(source.host, lacks)
            try:
                order = Order(since=start, until=now, max_requests=left)
                done = sync(fetcher_of(source), store, order, progress, rules=rules)
                left = None if left is None else max(left - done.requests, 0)
            except BudgetError as error:
                yield error
                if max_requests is not None:
                    return  # the limit is for all sources, and it is spent
            except ForgeError as error:
                yield error


def fetcher_of(source: Source) -> Fetcher:
    """What fetches from a source; of the forges' libraries only the one that is needed is imported."""
    if source.forge == Forge.GITLAB:
        from pipelinedoctor.fetch.gitlab import GitLabFetcher  # noqa: PLC0415

        return GitLabFetcher(source)
    from pipelinedoctor.fetch.github import GitHubFetcher  # noqa: PLC0415

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
