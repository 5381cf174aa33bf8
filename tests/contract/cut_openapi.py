"""Cut GitHub's API description down to the routes that the loopback forge serves.

    npm install @octokit/openapi@23.0.2          (in a directory outside this checkout: it takes 400 MB)
    python tests/contract/cut_openapi.py node_modules/@octokit/openapi/generated/api.github.com.json

writes `github_openapi_cut.json.gz` beside this file, the same bytes for the same input.
"""

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CUT = Path(__file__).with_name("github_openapi_cut.json.gz")
POSTED = ("/app/installations/{installation_id}/access_tokens",)
PATHS = (
    "/installation/repositories",
    "/orgs/{org}/repos",
    "/rate_limit",
    "/repos/{owner}/{repo}",
    "/repos/{owner}/{repo}/actions/artifacts/{artifact_id}/{archive_format}",
    "/repos/{owner}/{repo}/actions/jobs/{job_id}",
    "/repos/{owner}/{repo}/actions/jobs/{job_id}/logs",
    "/repos/{owner}/{repo}/actions/runs",
    "/repos/{owner}/{repo}/actions/runs/{run_id}",
    "/repos/{owner}/{repo}/actions/runs/{run_id}/artifacts",
    "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}",
    "/repos/{owner}/{repo}/actions/runs/{run_id}/attempts/{attempt_number}/jobs",
    "/repos/{owner}/{repo}/actions/runs/{run_id}/jobs",
    "/repos/{owner}/{repo}/check-runs/{check_run_id}/annotations",
    "/repos/{owner}/{repo}/commits",
    "/repos/{owner}/{repo}/deployments",
    "/repos/{owner}/{repo}/deployments/{deployment_id}/statuses",
    "/repos/{owner}/{repo}/environments",
    "/repos/{owner}/{repo}/pulls",
    "/repos/{owner}/{repo}/pulls/{pull_number}/commits",
    "/repos/{owner}/{repo}/pulls/{pull_number}/reviews",
    "/repos/{owner}/{repo}/releases",
    "/repos/{owner}/{repo}/tags",
    "/user/repos",
    "/users/{username}/repos",
)
_PROSE = frozenset({"description", "summary", "example", "examples", "externalDocs", "x-github"})


def cut(whole: dict[str, Any]) -> dict[str, Any]:
    """The description with `GET` of `PATHS` and `POST` of `POSTED`, what components these need, and neither prose nor webhooks."""
    wanted_of = {**dict.fromkeys(PATHS, "get"), **dict.fromkeys(POSTED, "post")}
    paths = {path: _bare({method: whole["paths"][path][method]}) for path, method in wanted_of.items()}
    components: dict[str, dict[str, Any]] = {}
    wanted = list(_references(paths))
    while wanted:
        kind, name = wanted.pop()
        if name not in components.setdefault(kind, {}):
            components[kind].update(_bare({name: whole["components"][kind][name]}, kind))
            wanted += _references(components[kind][name])
    # The description calls `created` a single time, but a range (`A..B`, `>=A`) is what its own prose documents.
    components["parameters"]["created"]["schema"].pop("format")
    about = {key: whole["info"][key] for key in ("title", "version", "license")}
    return {"openapi": whole["openapi"], "info": about, "paths": paths, "components": components}


def _bare(node: Any, holder: str = "") -> Any:
    """The node, which stands under the key `holder`, without prose."""
    if isinstance(node, list):
        return [_bare(item) for item in node]
    if not isinstance(node, dict):
        return node
    if holder == "properties":
        # Here the keys are names of GitHub's own, `description` among them.
        return {key: _bare(value) for key, value in node.items()}
    bare = {key: _bare(value, key) for key, value in node.items() if key not in _PROSE}
    if bare.get("nullable") is True and None not in bare.get("enum", [None]):
        # GitHub means it; OpenAPI's own clarification of 2019 wants `null` among the values all the same.
        bare["enum"] = [*bare["enum"], None]
    if holder == "responses":
        # A response must have a description, were it an empty one.
        return {key: value if "$ref" in value else {"description": "", **value} for key, value in bare.items()}
    return bare


def _references(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        target = node.get("$ref")
        if isinstance(target, str):
            _, _, kind, name = target.split("/")
            yield kind, name
        for value in node.values():
            yield from _references(value)


def main() -> None:
    """Cut the description whose path is the one argument."""
    whole = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    text = json.dumps(cut(whole), sort_keys=True, separators=(",", ":"))
    CUT.write_bytes(gzip.compress(text.encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
