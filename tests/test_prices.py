"""The shipped table of prices, and what it must not be."""

from pathlib import Path

import pytest

from pipelinedoctor.errors import PackError
from pipelinedoctor.prices import shipped_prices

PART = '[[prices]]\nhost = "h"\nbilled = "minute"\nsince = 2026-01-01\nsource = "https://x"\n'


def test_the_shipped_table_has_the_published_prices() -> None:
    known = {(one.host, one.label): one.dollars for one in shipped_prices()}
    assert len(known) == len(shipped_prices())
    for label, dollars in {
        "ubuntu-latest": 0.006, "ubuntu-24.04-arm": 0.005, "ubuntu-latest-4-cores": 0.012,
        "windows-latest-4-cores": 0.022, "macos-latest-large": 0.077, "self-hosted": 0.0,
    }.items():  # fmt: skip
        assert known["github.com", label] == dollars
    assert known["gitlab.com", "saas-linux-medium-amd64"] == 2 * known["gitlab.com", "saas-linux-small-amd64"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prices = []", "version: the day"),
        (f'version = "1"\n{PART.replace("https", "http")}[prices.labels]\n', "prices.0: say since which day"),
        (
            f'version = "1"\n{PART.replace("minute", "hour")}[prices.labels]\n',
            "prices.0.billed: is one of minute, second",
        ),
        (f'version = "1"\n{PART}[prices.labels]\na = -1\n', "prices.0.labels.a: is dollars a minute"),
        (f'version = "1"\n{PART}[prices.labels]\na = "1"\n', "prices.0.labels.a: is dollars a minute"),
    ],
)
def test_a_table_that_does_not_say_where_from_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text(text, encoding="utf-8")
    with pytest.raises(PackError, match=said):
        shipped_prices(tmp_path / "prices.toml")
