"""The benchmark of `junit_verdicts` works, on histories that are over in seconds. Nothing here depends on the time it takes."""

from pathlib import Path

from pipelinedoctor.accuracy.junit_histories import END, Shape, history, write
from tests.benchmarks import junit_verdicts


def test_each_program_is_run_as_often_as_asked(tmp_path: Path) -> None:
    assert f"{END:%Y-%m-%dT%H:%MZ}" == junit_verdicts.AS_OF
    write(history(Shape(runs=20, tests=100, reruns=0.2, outages=False, seed=1)), tmp_path)
    taken = junit_verdicts.measured(tmp_path, "true", 2)
    assert {name: len(rounds) for name, rounds in taken.items()} == dict.fromkeys(
        ("files to verdicts", "second analysis", "start", "peer"), 2
    )
    assert [line.split("  ")[0] for line in junit_verdicts.lines(taken)] == list(taken)
