"""What a failing test says: one kind of complaint a test, with numbers that differ from time to time."""

from dataclasses import dataclass
from random import Random
from zlib import crc32

from pipelinedoctor.simulate.plan import TestCase


@dataclass(frozen=True, slots=True)
class Complaint:
    """The exception's type, its message in one line, and the lines that show where."""

    type: str
    message: str
    trace: tuple[str, ...]


_FLAKY = {
    "python": (
        ("TimeoutError", "no answer from 127.0.0.1:{port} within 5.0 s"),
        ("AssertionError", "assert {small} == {more}"),
        ("ConnectionResetError", "[Errno 104] Connection reset by peer"),
    ),
    "java": (
        ("org.awaitility.core.ConditionTimeoutException", "Condition was not fulfilled within 10 seconds."),
        ("org.opentest4j.AssertionFailedError", "expected: <{more}> but was: <{small}>"),
        ("java.net.SocketTimeoutException", "Read timed out after {millis} ms"),
    ),
    "typescript": (
        ("Error", "thrown: Exceeded timeout of 5000 ms for a test."),
        ("TestingLibraryElementError", "Unable to find an element with the text: Saved {small}."),
        ("Error", "connect ECONNREFUSED 127.0.0.1:{port}"),
    ),
    "go": (
        ("Failed", "context deadline exceeded after {millis}ms"),
        ("Failed", "got {small} events, want {more}"),
        ("Failed", "dial tcp 127.0.0.1:{port}: connect: connection refused"),
    ),
}
_WRONG = {
    "python": (
        ("AssertionError", "assert '{small}.00' == '{small}.{more}'"),
        ("KeyError", "'currency'"),
        ("TypeError", "unsupported operand type(s) for +: 'int' and 'NoneType'"),
    ),
    "java": (
        ("org.opentest4j.AssertionFailedError", "expected: <{small}> but was: <{more}>"),
        ("java.lang.NullPointerException", 'Cannot invoke "String.length()" because "<local1>" is null'),
        ("java.lang.IllegalStateException", "no rate for currency"),
    ),
    "typescript": (
        ("Error", "expect(received).toBe(expected) // Object.is equality"),
        ("TypeError", "Cannot read properties of undefined (reading 'total')"),
        ("Error", "expect(received).toHaveLength(expected)"),
    ),
    "go": (
        ("Failed", "got {small}, want {more}"),
        ("Failed", "unexpected error: invalid amount"),
        ("Failed", "panic: runtime error: index out of range [{small}] with length {small}"),
    ),
}


def complaint(test: TestCase, language: str, flaky: bool, random: Random) -> Complaint:  # noqa: FBT001
    """How `test` fails; the same kind each time, in the words of its language's test tool."""
    kinds = (_FLAKY if flaky else _WRONG)[language]
    mark = crc32(test.id.encode())
    kind, message = kinds[mark % len(kinds)]
    small = random.randint(2, 9)
    text = message.format(
        port=random.randint(30_000, 60_000),
        small=small,
        more=small + random.randint(1, 9),
        millis=random.randint(5_000, 5_900),
    )
    return Complaint(kind, text, _trace(test, language, mark % 180 + 12, f"{kind}: {text}"))


def _trace(test: TestCase, language: str, line: int, said: str) -> tuple[str, ...]:
    unit = test.classname.replace(".", "/").rsplit("/", 1)[-1]  # of a module, a class or a package
    if language == "python":
        path = test.classname.replace(".", "/") + ".py"
        return (
            f"    def {test.name}(service):",
            ">       assert service.run() == expected",
            f"E       {said}",
            "",
            f"{path}:{line}: {said.split(':', 1)[0]}",
        )
    if language == "java":
        return (
            said,
            f"\tat {test.classname}.{test.name}({unit}.java:{line})",
            "\tat java.base/java.lang.reflect.Method.invoke(Method.java:580)",
        )
    if language == "go":
        return (f"    {unit}_test.go:{line}: {said.partition(': ')[2]}",)
    return (said, f"    at Object.<anonymous> (src/{test.classname.split(' ', 1)[0].lower()}.test.ts:{line}:17)")
