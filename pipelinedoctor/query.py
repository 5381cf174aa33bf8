"""What a file in `queries/` must be, and the loader that finds such files.

A query is one Python file with one function under `@query(...)`. It takes the `History` and its own options, a frozen
dataclass with a default for each field, and returns an `Answer`. It neither prints nor touches the network.
"""

import dataclasses
import importlib.util
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from pipelinedoctor.errors import PackError
from pipelinedoctor.findings import Answer
from pipelinedoctor.store.history import History

CONTRACT = 1
"""Version of the query contract; it grows when a shipped query of today would no longer load."""


@dataclass(frozen=True, slots=True)
class NoOptions:
    """The options of a query that has none."""


Options = TypeVar("Options")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query(Generic[Options]):
    """A question with its texts. `docs` is Markdown of a paragraph or two; `remediation` is one sentence."""

    id: str
    title: str
    docs: str
    remediation: str
    answer: Callable[[History, Options], Answer]
    options: type[Options]
    path: Path | None = field(default=None, compare=False)

    def __call__(self, history: History, options: Options) -> Answer:
        """Ask the question."""
        return self.answer(history, options)


def query(
    *,
    id: str,  # noqa: A002  the contract's own word
    title: str,
    docs: str,
    remediation: str,
    options: type[Options],
) -> Callable[[Callable[[History, Options], Answer]], Query[Options]]:
    """Declare the function below as the question `id`; a wrong signature is a type error in the query's own file."""

    def declare(answer: Callable[[History, Options], Answer]) -> Query[Options]:
        return Query(id=id, title=title, docs=docs, remediation=remediation, answer=answer, options=options)

    return declare


def load(directories: Iterable[Path]) -> dict[str, Query[Any]]:
    """All queries of the directories, by id in alphabetical order; a later directory replaces an earlier one's ids.

    Files whose name starts with an underscore are passed over. Raises `PackError` for a directory that is not there or
    holds nothing of use, a file that does not import, and a file that declares no question or more than one.
    """
    found: dict[str, Query[Any]] = {}
    for directory in directories:
        if not directory.is_dir():
            raise PackError(f"{directory}: no such directory of queries; name one with --queries DIR")
        files = sorted(directory.glob("*.py"))
        if not files and not (directory / "rules").is_dir():
            raise PackError(f"{directory}: holds no question; put a Python file or a folder `rules` into it")
        for path in files:
            if not path.name.startswith("_"):
                one = _declared(path)
                found[one.id] = one
    return dict(sorted(found.items()))


def _declared(path: Path) -> Query[Any]:
    module = _import(path)
    declared = [value for value in vars(module).values() if isinstance(value, Query)]
    if len(declared) != 1:
        raise PackError(f"{path}: declares {len(declared)} questions; a query file declares one, with @query(...)")
    if not dataclasses.is_dataclass(declared[0].options):
        raise PackError(f"{path}: options= must be a frozen dataclass with a default for each field")
    return dataclasses.replace(declared[0], path=path)


def _import(path: Path) -> ModuleType:
    # The name carries the path, so that two packs may hold a file of one name.
    name = f"pipelinedoctor_query_{path.stem}_{abs(hash(path.resolve())):x}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PackError(f"{path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass in the file looks its module up while it is made
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise PackError(f"{path}: does not import: {type(error).__name__}: {error}") from error
    return module
