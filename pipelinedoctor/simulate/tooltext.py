"""What tools print when they fail, one template a manner of failing. `{word}`, `{other}` name code, `{n}` and `{m}` are numbers.

A manner may have several wordings; one commit always meets the same. The last line is the exit that the forge reports.
"""

EXIT = "##[error]Process completed with exit code {code}."

WORDINGS: dict[str, tuple[tuple[str, ...], ...]] = {
    "javac": (
        (
            "[INFO] --- compiler:3.14.0:compile (default-compile) @ core ---",
            "[INFO] Compiling {m} source files with javac [debug release 17] to target/classes",
            "[ERROR] COMPILATION ERROR : ",
            "[ERROR] /home/runner/work/src/main/java/com/tarnley/core/{Word}Service.java:[{n},{m}] cannot find symbol",
            "[ERROR]   symbol:   method {other}(long)",
            "[ERROR] Failed to execute goal org.apache.maven.plugins:maven-compiler-plugin:3.14.0:compile (default-compile) on project core: Compilation failure",
            "1",
        ),
    ),
    "tsc": (
        ("> tsc --noEmit", "src/{word}/{other}.ts({n},{m}): error TS2339: Property '{other}' does not exist on type '{Word}'.", "Found 1 error in src/{word}/{other}.ts:{n}", "2"),
        ("> tsc --noEmit", "src/{word}.tsx({n},7): error TS2345: Argument of type 'string' is not assignable to parameter of type 'number'.", "2"),
    ),
    "go build": (
        ("# git.simulated.invalid/tarnley/core/internal/{word}", "internal/{word}/{other}.go:{n}:{m}: undefined: new{Word}", "1"),
        ("# git.simulated.invalid/tarnley/core/cmd", "cmd/main.go:{n}:{m}: not enough arguments in call to {word}.{Other}", "1"),
    ),
    "mypy": (
        ('src/{word}/{other}.py:{n}: error: Argument 1 to "{other}" has incompatible type "str"; expected "int"  [arg-type]', "Found 1 error in 1 file (checked {m} source files)", "1"),
    ),
    "rustc": (
        ("   Compiling core v0.{m}.0 (/home/runner/work)", "error[E0308]: mismatched types", "  --> src/{word}/{other}.rs:{n}:{m}", "   |", "{n} |     {other}(count)", "   |     expected `u64`, found `usize`", "error: could not compile `core` (lib) due to 1 previous error", "101"),
    ),
    "checkstyle": (
        ("[INFO] --- checkstyle:3.6.0:check (validate) @ core ---", "[ERROR] src/main/java/com/tarnley/core/{Word}.java:[{n},{m}] (imports) UnusedImports: Unused import - java.util.{Other}.", "[ERROR] Failed to execute goal checkstyle:check: You have 1 Checkstyle violation.", "1"),
    ),
    "eslint": (
        ("> eslint .", "/home/runner/work/src/{word}/{other}.ts", "  {n}:{m}  error  '{other}' is assigned a value but never used  @typescript-eslint/no-unused-vars", "✖ 1 problem (1 error, 0 warnings)", "1"),
    ),
    "golangci": (
        ("internal/{word}/{other}.go:{n}:{m}: Error return value of `{word}.Close` is not checked (errcheck)", "1 issues:", "* errcheck: 1", "1"),
    ),
    "ruff": (
        ("F401 [*] `{word}.{other}` imported but unused", "  --> src/{word}/{other}.py:{n}:{m}", "Found 1 error.", "[*] 1 fixable with the `--fix` option.", "1"),
    ),
    "clippy": (
        ("error: this `if` has identical blocks", "  --> src/{word}/{other}.rs:{n}:{m}", "   = note: `-D clippy::if-same-then-else` implied by `-D warnings`", "error: could not compile `core` (lib) due to 1 previous error", "101"),
    ),
    "sphinx": (
        ("building [html]: targets for {m} source files that are out of date", "docs/{word}.rst:{n}: WARNING: undefined label: '{other}' [ref.ref]", "build finished with problems, 1 warning (with warnings treated as errors).", "2"),
    ),
    "compose": (
        ("Container core-database-1  Healthy", "Container core-app-1  Started", 'app-1  | fatal: migration {n}_{word}: column "{other}" of relation "{word}" does not exist', "service \"app\" didn't complete successfully: exit 1", "1"),
    ),
    "terraform": (
        ("Initializing the backend...", "╷", "│ Error: Unsupported argument", '│   on {word}.tf line {n}, in resource "service" "{other}":', '│ An argument named "{other}_count" is not expected here.', "╵", "1"),
    ),
    "cargo test": (
        ("running {m} tests", "test {word}::tests::merges_{other} ... FAILED", "failures:", "---- {word}::tests::merges_{other} stdout ----", "thread '{word}::tests::merges_{other}' panicked at src/{word}.rs:{n}:9:", "assertion `left == right` failed", "  left: {n}", " right: {m}", "test result: FAILED. {m} passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 2.{n}s", "error: test failed, to rerun pass `--lib`", "101"),
    ),
    "registry down": (
        ("##[command]/usr/bin/docker pull registry.simulated.invalid/tarnley/toolbox:2026.4", "Error response from daemon: received unexpected HTTP status: 503 Service Unavailable", "##[warning]Docker pull failed with exit code 1, back off 4.{n} seconds before retry.", "Error response from daemon: received unexpected HTTP status: 503 Service Unavailable", "##[error]Docker pull failed with exit code 1", ""),
    ),
    "network": (
        ("[command]/usr/bin/git -c protocol.version=2 fetch --no-tags --prune --depth=1 origin", "##[error]fatal: unable to access 'https://git.simulated.invalid/tarnley/': Could not resolve host: git.simulated.invalid", "The process '/usr/bin/git' failed with exit code 128", "Waiting 1{n} seconds before trying again", "##[error]fatal: unable to access 'https://git.simulated.invalid/tarnley/': Could not resolve host: git.simulated.invalid", "##[error]The process '/usr/bin/git' failed with exit code 128", ""),
    ),
    "runner pool": (
        ("Waiting for a runner to pick up this job...", "##[error]The job was not acquired by Runner of type hosted even after multiple attempts", ""),
    ),
    "runner lost": (
        ("> running the suite, part {n} of {m}", "##[error]The hosted runner lost communication with the server. Anything in your workflow that terminates the runner process, starves it for CPU/Memory, or blocks its network access can cause this error.", ""),
    ),
    "npm reset": (
        ("npm error code ECONNRESET", "npm error syscall read", "npm error errno ECONNRESET", "npm error network request to https://registry.simulated.invalid/{word} failed, reason: read ECONNRESET", "npm error network This is a problem related to network connectivity.", "npm error A complete log of this run can be found in: /home/runner/.npm/_logs/2026-05-0{n}-debug-0.log", "1"),
    ),
    "out of memory": (
        ("Container core-database-1  Healthy", "/home/runner/work/_temp/run.sh: line 3:  {m}{n} Killed                  ./integration.sh --all", "137"),
    ),
    "rate limit": (
        ("##[command]/usr/bin/docker pull registry.simulated.invalid/base/scanner:3", "Error response from daemon: toomanyrequests: You have reached your unauthenticated pull rate limit.", "##[error]Docker pull failed with exit code 1", ""),
    ),
    "health check": (
        ("waiting for https://notifier.staging.simulated.invalid/healthz (try {n} of 10)", "curl: (7) Failed to connect to notifier.staging.simulated.invalid port 443 after {m}4 ms: Connection refused", "smoke: service not healthy after 120 s", "7"),
    ),
    "state lock": (
        ("│ Error: Error acquiring the state lock", "│ Error message: the state is already locked by another client", "│ Lock Info:   ID: 5f2c{n}{m}-{word}", "1"),
    ),
    "timeout": (
        ("  ✓ {word} opens ({n}.{m}s)", "##[error]The job running on runner hosted-{n} has exceeded the maximum execution time of 60 minutes.", "##[error]The operation was canceled.", ""),
    ),
}  # fmt: skip

OUTAGE_LINES = {
    "registry down": "Error response from daemon: received unexpected HTTP status: 503 Service Unavailable",
    "network": "Could not resolve host: git.simulated.invalid",
    "runner pool": "The job was not acquired by Runner of type hosted even after multiple attempts",
}
"""The line by which an outage of a kind is known."""

INFRASTRUCTURE_LINES = (
    "The hosted runner lost communication with the server",
    "npm error code ECONNRESET",
    "npm error network request",
    "You have reached your unauthenticated pull rate limit",
    "Docker pull failed with exit code",
    "failed with exit code 128",
    "Job failed (system failure)",
)
"""Further lines by which failures show that are the infrastructure's fault."""

DECOYS = (
    "warning: AccessDenied: not allowed to write the cache of another branch; going on without it",
    "npm warn deprecated inflight@1.0.6: This module is not supported",
    "WARNING: Retrying (Retry(total=2, connect=None, read=None)) after connection broken by 'ReadTimeoutError'",
    "[WARNING] Could not transfer metadata from mirror.simulated.invalid: Connection refused; trying the next one",
    "summary of the last run: error: 0 failures",
    "0 errors, 0 failures, 3 notices",
    "remote: Counting objects: 100% (213/213), done.",
    "\u001b[33mwarn\u001b[0m - request to telemetry.simulated.invalid timed out, ignored",
    "\u001b[36mINFO\u001b[0m cache restored from key build-4711",
    "fatal: no annotated tags can describe this commit (using the short sha)",
)
"""Lines that speak of trouble and mean none."""
