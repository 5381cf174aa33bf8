import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.logs.mask import fingerprint
from pipelinedoctor.logs.mine import mine


def frame(*lines: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "category": [category for category, _ in lines],
            "masked": [masked for _, masked in lines],
            "fingerprint": [fingerprint(category, masked) for category, masked in lines],
        },
        schema={"category": pl.String, "masked": pl.String, "fingerprint": pl.String},
    )


REFUSED = ("network", "dial tcp <IP0>: connection refused by <N0>")
RESET = ("network", "dial tcp <IP0>: connection reset by <N0>")
OTHER = ("network", "Could not resolve host: git.example.org")


def test_lines_alike_share_a_template_and_the_fingerprint_of_the_most_frequent() -> None:
    mined = mine(frame(REFUSED, RESET, RESET, OTHER)).rows(named=True)

    by_line = {row["masked"]: row for row in mined}
    assert len(mined) == 3
    assert by_line[REFUSED[1]]["template"] == by_line[RESET[1]]["template"] == "dial tcp <IP0>: connection <*> by <N0>"
    assert by_line[REFUSED[1]]["cluster"] == by_line[RESET[1]]["cluster"] == fingerprint(*RESET)
    assert by_line[OTHER[1]]["cluster"] == fingerprint(*OTHER)


def test_categories_do_not_mix() -> None:
    mined = mine(frame(REFUSED, ("registry", REFUSED[1])))

    assert mined["cluster"].n_unique() == 2


def test_tests_of_two_names_are_two() -> None:
    for line in (
        "--- FAIL: {} (<N0>s)",
        "[ERROR] org.{} -- Time elapsed: <N0> s <<< FAILURE!",
        "FAILED a.py::{} - E: a b c d e",
    ):
        lines = [("test", line.format(name)) for name in ("Login", "Logout", "Login2")]

        assert mine(frame(*lines))["cluster"].n_unique() == 3


def test_one_test_that_fails_with_two_values_is_one() -> None:
    lines = [
        ("test", f"FAILED a.py::test_b - AssertionError: assert {value} == 'open'") for value in ("'shut'", "'ajar'")
    ]

    assert mine(frame(*lines))["cluster"].n_unique() == 1


def test_more_test_names_than_a_node_has_room_for_stay_apart() -> None:
    lines = [("test", f"FAILED a.py::test_{number} - assert x == y or z") for number in range(300)]

    assert mine(frame(*lines))["cluster"].n_unique() == 300


def test_no_lines_no_clusters() -> None:
    assert mine(frame()).columns == ["category", "masked", "fingerprint", "template", "cluster"]


LINES = st.lists(
    st.tuples(
        st.sampled_from(["network", "test"]),
        st.lists(st.sampled_from(["dial", "tcp", "<IP0>", "reset", "refused", "x"]), min_size=1, max_size=4).map(
            " ".join
        ),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=60)
@given(LINES, st.randoms(use_true_random=False))
def test_the_order_of_the_store_has_no_say(lines: list[tuple[str, str]], random: st.DataObject) -> None:
    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert mine(frame(*lines)).equals(mine(frame(*shuffled)))


@settings(deadline=None, max_examples=60)
@given(LINES)
def test_more_of_the_same_changes_nothing(lines: list[tuple[str, str]]) -> None:
    assert mine(frame(*lines, *lines)).equals(mine(frame(*lines)))
