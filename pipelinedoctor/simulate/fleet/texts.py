"""What failures say: messages of failing tests, and the line of a job's log that explains it.

Templates have slots: `{host}`, `{word}`, `{n}`, `{m}`. What infrastructure says is drawn by category in the proportions in which
FlakeRanker found categories to cost (algorithms.md, section 2.1); `auth` stands for its container authentication, `config` for its
environment variables, `runner` for its Docker daemon and waiting pods, `registry` for images not found and registries in trouble.
"""

from collections.abc import Mapping

SHARES: Mapping[str, int] = {
    "config": 673,
    "timeout": 306,
    "runner": 524,
    "auth": 314,
    "network": 204,
    "registry": 434,
    "resource": 90,
    "dependency": 80,
    "checkout": 60,
    "crash": 40,
}
"""By category of what a lost runner is told with, in parts. The last four are not of FlakeRanker's list of the dearest."""

LINES: Mapping[str, tuple[str, ...]] = {
    "config": (
        "Error: Input required and not supplied: {word}-region",
        "/home/runner/work/_temp/step.sh: line {n}: DEPLOY_{word}: unbound variable",
        "Error: Missing required environment variable {word}_URL",
        "Unable to resolve action `tools/{word}@v{n}`, unable to find version `v{n}`",
        "make: *** No rule to make target '{word}'.  Stop.",
        "KeyError: '{word}_TOKEN_FILE'",
    ),
    "timeout": (
        "The job running on runner hosted-{n} has exceeded the maximum execution time of 60 minutes.",
        "The action 'Run {word}' has timed out after 60 minutes.",
        "Error: Timed out waiting for {word} to become ready after {n}s",
        "context deadline exceeded while waiting for {word}",
    ),
    "runner": (
        "The self-hosted runner: hosted-{n} lost communication with the server.",
        "The runner has received a shutdown signal.",
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?",
        "ERROR: Job failed (system failure): pod {word}-{n} did not become ready: timed out waiting for pod to start",
        "The hosted runner encountered an error while running your job. (Error Type: Disconnect).",
        "error during connect: the docker client must be able to reach the daemon on {host}",
    ),
    "auth": (
        "Error response from daemon: Get https://{host}/v2/: unauthorized: authentication required",
        "denied: requested access to the resource is denied",
        "Credentials could not be loaded, please check your action inputs: Could not load credentials from any providers",
        "no basic auth credentials for {host}",
        "fatal: Authentication failed for 'https://{host}/{word}.git/'",
    ),
    "network": (
        "curl: (56) Recv failure: Connection reset by peer",
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='{host}', port=443): Max retries exceeded",
        "dial tcp: lookup {host}: Temporary failure in name resolution",
        "Error: connect ETIMEDOUT {host}:443",
        "curl: (35) OpenSSL SSL_connect: Connection reset by peer in connection to {host}:443",
        "java.net.SocketTimeoutException: Read timed out after {n} ms",
    ),
    "registry": (
        "Error response from daemon: manifest for {host}/{word}:v{n} not found: manifest unknown",
        "Error response from daemon: received unexpected HTTP status: 503 Service Unavailable",
        "failed to pull image {host}/{word}:v{n}: 502 Bad Gateway",
        "ERROR: failed to solve: {host}/{word}: failed to resolve source metadata",
        "npm error 503 Service Unavailable - GET https://{host}/{word}",
    ),
    "rate_limit": (
        "Error response from daemon: toomanyrequests: You have reached your pull rate limit.",
        "HTTP 429: Too Many Requests (https://{host}/{word})",
        "API rate limit exceeded for installation ID {n}.",
    ),
    "resource": (
        "OSError: [Errno 28] No space left on device: '/tmp/{word}'",
        "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory",
        "Process completed with exit code 137: {word} was killed, out of memory",
    ),
    "dependency": (
        "ERROR: No matching distribution found for {word}=={n}.{m}",
        "npm error code ERESOLVE could not resolve {word}@{n}",
        "E: Unable to locate package lib{word}-dev",
        'error: failed to select a version for the requirement `{word} = "^{n}.{m}"`',
    ),
    "checkout": (
        "error: RPC failed; curl 92 HTTP/2 stream {n} was not closed cleanly: CANCEL",
        "fatal: the remote end hung up unexpectedly",
        "fatal: couldn't find remote ref refs/heads/{word}",
        "fatal: unable to access 'https://{host}/{word}.git/': Failed to connect",
    ),
    "crash": (
        "Segmentation fault (core dumped) {word}",
        "Fatal Python error: Aborted in {word}",
        "Process terminated by signal 6 in {word}",
    ),
    "compile": (
        "src/{word}.c:{n}:{m}: error: unknown type name '{word}_t'",
        "error[E0308]: mismatched types in {word}",
        "src/{word}.ts({n},{m}): error TS2304: Cannot find name '{word}'.",
        "./{word}.go:{n}:{m}: undefined: {word}",
        "src/{word}.java:{n}: error: cannot find symbol {word}",
        "{word}.cpp({n}): error C2143: syntax error: missing ';' before '{word}'",
    ),
    "lint": (
        "src/{word}.py:{n}:{m}: F401 `{word}` imported but unused",
        "src/{word}.py:{n}: error: Incompatible types in assignment of {word}  [assignment]",
        "would reformat src/{word}.py",
        "src/{word}.js:{n}:{m}  error  '{word}' is assigned a value but never used  no-unused-vars",
        "src/{word}.py:{n}:{m}: E501 Line too long ({n} > 120)",
    ),
}
"""By category, the lines that explain a failed job; tests tell theirs by name."""

OUTAGES: Mapping[str, str] = {
    "network": "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='proxy.{host}', port=443): Max retries exceeded",
    "registry": "Error response from daemon: received unexpected HTTP status: 503 Service Unavailable from {host}",
    "runner": "Cannot connect to the Docker daemon at tcp://docker.{host}. Is the docker daemon running?",
    "rate_limit": "HTTP 429: Too Many Requests (https://mirror.{host}/simple)",
}
"""By kind of outage, what all that it hits says."""

_HOSTS = ("registry.tarnley.invalid", "packages.tarnley.invalid", "cache.tarnley.invalid", "git.tarnley.invalid")
_WORDS = ("cart", "ledger", "parser", "session", "invoice", "widget", "planner", "mailer", "archive", "gateway")

_FLAKY = (
    "TimeoutError: {name} waited {n} s for {thing} and gave up",
    "AssertionError: {thing} was not settled when {name} looked: {n} left",
    "ConnectionResetError: [Errno 104] Connection reset by peer while {name} asked for {thing}",
    "StaleElementError: {thing} went away before {name} could read it",
    "AssertionError: {name} took {n} ms for {thing}, more than 250 ms",
    "RuntimeError: dictionary changed size during iteration over {thing} in {name}",
    "OSError: [Errno 98] Address already in use: {thing} of {name} on port {n}",
    "AssertionError: order of {thing} differs at place {n} in {name}",
)
_WRONG = (
    "AssertionError: assert {n} == {m} in {name}",
    "TypeError: {thing}() got an unexpected keyword argument in {name}",
    "ValueError: {thing} is not what {name} asked for",
    "AttributeError: 'NoneType' object has no attribute '{thing}' in {name}",
    "KeyError: '{thing}' in {name}",
    "AssertionError: {name} expected {n} of {thing}, got {m}",
)
_VARIANTS = 5
_ALIKE = 3
"""So many of the ways in which a change breaks a test are also ways in which a test flakes: messages do not tell them apart."""


def line(category: str, draw: int) -> str:
    """A line of a category; the same draw gives the same one."""
    templates = LINES[category]
    rest, at = divmod(draw, len(templates))
    return _filled(templates[at], rest)


def outage_line(kind: str) -> str:
    """What an outage of this kind says."""
    return OUTAGES[kind].format(host="tarnley.invalid")


def test_line(test: str, message: str) -> str:
    """What the log says of a failing test."""
    place, _, name = test.partition("::")
    return f"FAILED {place.replace('.', '/')}.py::{name} - {message}"


def flaky_message(test: str, number: int, draw: int) -> str:
    """A message of a flaky test: of the first or of the second way in which it fails, if `number` has two; it varies in a number."""
    ways = 1 + number % 2
    known = (*_FLAKY, *_WRONG[:_ALIKE])
    way = (number * 7 + draw % ways * 5) % len(known)
    return _said(known[way], test, 30 + draw // ways % _VARIANTS, 30)


def wrong_message(test: str, key: int) -> str:
    """The message of a test that a change broke; `key` tells the change."""
    return _said(_WRONG[key % len(_WRONG)], test, key % 89 + 2, key % 97 + 100)


def _said(template: str, test: str, n: int, m: int) -> str:
    name = test.partition("::")[2]
    return template.format(name=name, thing=name.rpartition("_")[2], n=n, m=m)


def _filled(template: str, rest: int) -> str:
    return template.format(
        host=_HOSTS[rest % len(_HOSTS)],
        word=_WORDS[rest // 4 % len(_WORDS)],
        n=rest // 40 % 40 + 1,
        m=rest // 1600 % 20 + 1,
    )
