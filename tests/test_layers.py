"""The plan of the house: which room may import from which, and which library belongs into which room.

Read without importing anything, so that imports inside functions count as well.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "pipelinedoctor"

VALUES = ("errors", "model", "timespan")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    # Plain values and words: the ground floor.
    "": (),
    "errors": (),
    "model": (),
    "resources": (),
    "units": (),
    "timespan": ("errors",),
    "findings": ("model",),
    # A fetcher knows an API and hands on rows; it knows no SQL and no finding.
    "fetch.interface": ("model",),
    # What a forge says of a refusal is redacted before it is told.
    "fetch": ("", "errors", "logs.redact", "model"),
    # Text in, text out.
    "logs": ("errors", "fetch.interface", "model", "resources"),
    # Pure functions.
    "stats": ("model", "timespan"),
    # The store knows tables and hands on frames; it knows no API. It asks one pure function who a job is.
    "store": (*VALUES, "fetch.interface", "stats.names"),
    # What questions share, and the questions: all they see of the store is History.
    "derive": ("findings", "logs.mine", "logs.rules", "model", "stats", "store.history", "units"),
    "query": ("errors", "findings", "store.history"),
    "queries": ("derive", "findings", "logs.rules", "model", "query", "stats", "store.history", "units"),
    # A renderer turns a report into text and asks the store nothing; `facts` counts, on behalf of the core.
    "report": ("errors", "findings", "model", "resources", "store.history", "timespan", "units"),
    # The simulator knows bodies of an API and nothing of what reads them, but for who owns an artifact by its name.
    "simulate": ("errors", "fetch.artifacts", "model"),
    # A fleet has what is read of logs, too: lines with their fingerprints.
    "simulate.fleet": ("logs.mask", "model"),
    # Histories with known truth into a store, and how right all is that is said of them.
    "accuracy": (
        "derive",
        "errors",
        "fetch.github.rows",
        "fetch.interface",
        "findings",
        "ingest",
        "manifest",
        "model",
        "query",
        "ranking",
        "resources",
        "simulate",
        "stats",
        "store",
        "timespan",
        "units",
    ),
    # What is handed in, checked, and as rows.
    "manifest": ("errors", "fetch.bounds", "fetch.download", "timespan"),
    "ingest_rows": ("manifest", "model", "store.ingested"),
    # The cores.
    "ingest": (
        "errors",
        "fetch",
        "ingest_rows",
        "logs",
        "manifest",
        "model",
        "redaction",
        "store",
        "terminal",
        "units",
    ),
    "redaction": ("logs.redact", "model"),
    "sync": ("errors", "fetch.interface", "logs", "model", "redaction", "store.connection"),
    "analyse": ("", "conclude", "errors", "fetch.interface", "findings", "query", "report", "store", "units"),
    # The commands, which put the parts together, and what stands around them.
    "ignore_file": ("errors", "findings", "logs.redact"),
    "ignoring": ("findings", "ignore_file", "model", "report.model", "report.view", "units"),
    "prices": ("errors", "resources", "stats.prices"),
    "ranking": ("findings", "model", "stats", "timespan"),
    "conclude": (
        "derive.costs",
        "findings",
        "ignore_file",
        "ignoring",
        "ranking",
        "report.model",
        "stats.prices",
        "store.history",
        "units",
    ),
    "sources": ("fetch.interface", "fetch.selection", "logs.redact"),
    "config": ("errors", "fetch.interface", "ignore_file", "logs.redact", "sources", "timespan"),
    "console": ("fetch.interface", "terminal"),
    "produce": (
        "analyse",
        "conclude",
        "config",
        "errors",
        "fetch.interface",
        "ignore_file",
        "logs.rules",
        "prices",
        "query",
        "report",
        "resources",
        "stats.prices",
        "store",
        "timespan",
    ),
    "commands": (
        "config",
        "errors",
        "fetch",
        "ignore_file",
        "ingest",
        "logs.rules",
        "manifest",
        "model",
        "produce",
        "query",
        "resources",
        "store",
        "sync",
        "timespan",
    ),
    "demo": ("errors", "fetch", "logs.rules", "produce", "query", "report", "resources", "simulate", "store", "sync"),
    "summary": (
        "commands",
        "demo",
        "fetch.diagnosis",
        "findings",
        "model",
        "produce",
        "query",
        "sync",
        "terminal",
        "units",
    ),
    "options": (),
    "cli": (
        "",
        "accuracy",
        "commands",
        "config",
        "console",
        "demo",
        "errors",
        "guard",
        "model",
        "options",
        "produce",
        "query",
        "resources",
        "simulate.fleet.settings",
        "summary",
        "terminal",
    ),
    "guard": ("errors", "terminal"),
    "terminal": ("logs.redact",),
    "__main__": ("cli",),
}
"""By room, the rooms (or single modules of one) it may import from; its own it always may. `""` is the version."""

FRAMES_IN_THE_REPORT = {("report.facts", "History")}
"""Of the store a report knows its `Totals`, and this."""

LIBRARIES: dict[str, set[str]] = {
    "altair": {"report"},
    "certifi": {"fetch"},
    "drain3": {"logs"},
    "duckdb": {"store"},
    "github": {"fetch"},
    "gitlab": {"fetch"},
    "graphql": {"simulate"},
    "jinja2": {"report"},
    "jwt": {"fetch"},
    "markupsafe": {"report"},
    "numpy": {"accuracy", "simulate", "stats"},
    "polars": {"accuracy", "derive", "logs", "queries", "report", "simulate", "stats", "store"},
    "pydantic": {"config", "ignore_file", "manifest", "sources"},
    "pydantic_core": {"logs"},
    "requests": {"fetch"},
    "rich": {"console"},
    "scipy": {"accuracy", "stats"},
    "typer": {"cli", "guard", "options"},
    "urllib3": {"fetch"},
    "vl_convert": {"report"},
}
"""By library, the rooms that may import it."""

CLOCKS = {
    ("commands", "datetime.now"),
    ("console", "time.monotonic"),  # how long the rest of a task lasts
    ("fetch.budget", "time.monotonic"),
    ("fetch.github.fetcher", "time.monotonic"),  # handed on to the budget
    ("fetch.github.auth", "time.time"),  # a token ends by the wall, not by how long the machine was awake
    ("produce", "datetime.now"),
    ("simulate.server", "time.time"),  # its rate limit ends in an hour of the client's clock
    ("sync", "time.monotonic"),
}
"""Who may look at a clock; everyone else is handed the time."""

SPEAKERS = {"cli", "console", "guard", "store.describe"}
"""Who writes to the terminal; the last is a tool of its own that prints a page of the docs."""


def modules() -> dict[str, ast.Module]:
    """All modules by their name without the package's: `store.history`; questions are `queries.<id>`."""
    files = {path: path.relative_to(ROOT / PACKAGE) for path in (ROOT / PACKAGE).rglob("*.py")}
    files |= {path: path.relative_to(ROOT) for path in (ROOT / "queries").glob("*.py")}
    return {
        ".".join(place.with_suffix("").parts).removesuffix("__init__").rstrip("."): ast.parse(path.read_text("utf-8"))
        for path, place in sorted(files.items())
    }


MODULES = modules()


def imports(module: ast.Module) -> Iterator[tuple[str, str]]:
    """All modules that are imported anywhere in a file, with the name that is taken out of each, if one is."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((one.name, "") for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports name the whole way"
            for one in node.names:
                inner = f"{node.module}.{one.name}".removeprefix(f"{PACKAGE}.")
                yield (f"{PACKAGE}.{inner}", "") if inner in MODULES else (str(node.module), one.name)


def own_imports(module: ast.Module) -> Iterator[tuple[str, str]]:
    """Those out of the package, without its name."""
    for name, taken in imports(module):
        if name.partition(".")[0] == PACKAGE:
            yield name.removeprefix(PACKAGE).removeprefix("."), taken


def within(module: str, room: str) -> bool:
    return module == room or (room != "" and module.startswith(f"{room}."))


def room_of(module: str) -> str:
    """The most particular entry of the plan that a module falls under."""
    return max((room for room in MAY_IMPORT if within(module, room)), key=len)


def allowed_to(module: str) -> tuple[str, ...]:
    """The rooms a module may import from: its own as well, but no question another question."""
    room = room_of(module)
    return MAY_IMPORT[room] if room == "queries" else (top(room), *MAY_IMPORT[room])


def top(module: str) -> str:
    return module.partition(".")[0]


def test_a_module_imports_only_from_the_rooms_it_may() -> None:
    astray = [
        (name, each)
        for name, module in MODULES.items()
        for each, _ in own_imports(module)
        if not any(within(each, room) for room in allowed_to(name))
    ]
    assert astray == []


def test_no_permission_is_out_of_use() -> None:
    used = {(room_of(name), each) for name, module in MODULES.items() for each, _ in own_imports(module)}
    idle = [
        (room, allowed)
        for room, rooms in MAY_IMPORT.items()
        for allowed in rooms
        if not any(user == room and within(each, allowed) for user, each in used)
    ]
    assert idle == []


def test_a_report_knows_little_of_the_store() -> None:
    taken = {
        (name, what)
        for name, module in MODULES.items()
        for each, what in own_imports(module)
        if top(name) == "report" and top(each) == "store"
    }
    assert {(name, what) for name, what in taken if what != "Totals"} == FRAMES_IN_THE_REPORT


def test_no_arrows_go_round_in_a_circle() -> None:
    arrows = {name: {each for each, _ in own_imports(module)} - {name} for name, module in MODULES.items()}
    while leaves := {name for name, to in arrows.items() if not to & arrows.keys()}:
        arrows = {name: to for name, to in arrows.items() if name not in leaves}
    assert arrows == {}


def test_a_library_stays_in_its_rooms() -> None:
    users = {(top(each), top(name)) for name, module in MODULES.items() for each, _ in imports(module)}
    known = {PACKAGE} | sys.stdlib_module_names
    astray = [(each, room) for each, room in sorted(users) if each not in known and room not in LIBRARIES.get(each, ())]
    assert astray == []


def test_the_command_line_imports_nothing_heavy_before_it_must() -> None:
    """What is imported at module level, from the package's face on: so `--help` answers at once."""
    seen, waiting = set(), ["__main__"]
    while waiting:
        name = waiting.pop()
        seen.add(name)
        first = ast.Module([node for node in MODULES[name].body if isinstance(node, ast.Import | ast.ImportFrom)], [])
        for each, _ in imports(first):
            library = top(each)
            assert library in {PACKAGE, "typer"} | sys.stdlib_module_names, f"{name}: {each}"
        waiting += [each for each, _ in own_imports(first) if each not in seen]
    assert "cli" in seen


def test_nobody_waits_for_the_largest_part_of_scipy() -> None:
    """`scipy.stats` takes a third of a second to import; for what a report needs there is `scipy.special`."""
    users = {name for name, module in MODULES.items() for each, _ in imports(module) if within(each, "scipy.stats")}
    assert {top(name) for name in users} <= {"accuracy"}


def test_few_speak() -> None:
    ways = {"print", "typer.echo", "sys.stdout", "sys.stderr"}
    speakers = {
        name
        for name, module in MODULES.items()
        for node in ast.walk(module)
        if isinstance(node, ast.Name | ast.Attribute) and ast.unparse(node) in ways
    }
    assert speakers <= SPEAKERS


def test_time_is_handed_in() -> None:
    names = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.monotonic"}
    looks = {
        (name, ast.unparse(node))
        for name, module in MODULES.items()
        for node in ast.walk(module)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in names
    }
    assert looks <= CLOCKS


@pytest.mark.parametrize("name", ["sync.py", "analyse.py"])
def test_the_two_cores_stay_small(name: str) -> None:
    assert len((ROOT / PACKAGE / name).read_text("utf-8").splitlines()) < 150
