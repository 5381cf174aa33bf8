import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.fetch.artifacts import assign, looks_like_report

OZONE_OLD = ["author", "checkstyle", "it-client", "it-filesystem", "it-freon", "unit", "acceptance", "kubernetes"]
OZONE = [
    *("build-info", "compile (8)", "compile (11)", "basic (author)", "basic (checkstyle)", "basic (unit)"),
    *("integration (client)", "integration (filesystem)", "integration (flaky)", "integration (hdds)"),
    *("acceptance (secure)", "acceptance (unsecure)", "acceptance (misc)", "coverage", "kubernetes"),
]
MATRIX = [
    "lint",
    *(f"test ({system}-latest, {version})" for system in ("ubuntu", "windows", "macos") for version in ("3.9", "3.11")),
]
SYSTEMS = ["build (ubuntu-latest)", "build (windows-latest)", "docs"]
REUSED = ["ci / test (postgres)", "ci / test (mysql)", "ci / lint", "release / publish"]
JAVA = ["Java 17 build", "Java 21 build", "IntegrationTests", "deploy"]


@pytest.mark.parametrize(
    ("artifact", "jobs", "job"),
    [
        ("it-client", OZONE_OLD, "it-client"),
        ("it-client", OZONE, "integration (client)"),
        ("it-client", [*OZONE, "it-client"], "it-client"),
        ("acceptance-secure", OZONE, "acceptance (secure)"),
        ("acceptance-unsecure", OZONE, "acceptance (unsecure)"),
        ("unit", OZONE, "basic (unit)"),
        ("compile-11", OZONE, "compile (11)"),
        ("junit-ubuntu-3.11", MATRIX, "test (ubuntu-latest, 3.11)"),
        ("junit-windows-latest-py39", MATRIX, "test (windows-latest, 3.9)"),
        ("Test Results (macos-latest, 3.9)", MATRIX, "test (macos-latest, 3.9)"),
        ("test-results-windows", SYSTEMS, "build (windows-latest)"),
        ("Build_Ubuntu-Latest", SYSTEMS, "build (ubuntu-latest)"),
        ("pytest-report-mysql", REUSED, "ci / test (mysql)"),
        ("surefire-java17", JAVA, "Java 17 build"),
        ("integration-test-reports", JAVA, "IntegrationTests"),
        ("junit", ["test"], None),
        ("test-report", ["test"], "test"),
        ("test-report", ["lint", "test", "test (slow)"], "test"),
    ],
)
def test_an_artifact_goes_to_the_job_its_name_speaks_of(artifact: str, jobs: list[str], job: str | None) -> None:
    assert assign(artifact, jobs) == job


@pytest.mark.parametrize(
    ("artifact", "jobs"),
    [
        ("acceptance", OZONE),
        ("compile", OZONE),
        ("junit-ubuntu", MATRIX),
        ("junit-3.11", MATRIX),
        ("test-results", MATRIX),
        ("test-results", REUSED),
        ("ozone-bin", OZONE),
        ("logs", SYSTEMS),
        ("java-reports", JAVA),
        ("test-windows", ["test (ubuntu)", "build (windows)"]),
        ("BUILD", ["build", "Build"]),
        ("", SYSTEMS),
        ("!!!", SYSTEMS),
        ("unit", []),
    ],
)
def test_nobody_gets_it_where_none_or_several_fit(artifact: str, jobs: list[str]) -> None:
    assert assign(artifact, jobs) is None


NAMES = st.lists(st.text("ab1 .-(", min_size=1, max_size=8), max_size=6)


@given(st.text("ab1 .-(", max_size=8), NAMES, st.randoms())
@settings(deadline=None)
def test_the_order_of_jobs_does_not_matter(artifact: str, jobs: list[str], random: object) -> None:
    assert assign(artifact, jobs) == assign(artifact, list(reversed(jobs)))
    assert assign(artifact, jobs) in {None, *jobs}


@given(NAMES)
@settings(deadline=None)
def test_a_name_that_is_a_jobs_own_goes_to_that_job(jobs: list[str]) -> None:
    folded = ["".join(filter(str.isalnum, name)) for name in sorted(set(jobs))]
    for name in jobs:
        if folded.count("".join(filter(str.isalnum, name))) == 1:
            assert assign(name, jobs) == name


def test_names_that_promise_reports() -> None:
    assert all(
        map(looks_like_report, ["junit-x", "test-results", "TestReport", "surefire-reports", "Test Results (a)"])
    )
    assert not any(map(looks_like_report, ["dist", "wheels-ubuntu", "coverage-html", "latest", ""]))
