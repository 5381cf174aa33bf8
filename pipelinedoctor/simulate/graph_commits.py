"""Commits, branches and tags of a recording as GitHub's GraphQL objects."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from pipelinedoctor.simulate.commits import RecordedCommit
from pipelinedoctor.simulate.graph_paging import GraphRefusedError, connection
from pipelinedoctor.simulate.graph_thing import Thing, actor
from pipelinedoctor.simulate.holdings import Holdings
from pipelinedoctor.simulate.paging import RefusedError, moment
from pipelinedoctor.simulate.recorded import RecordedRepository

HEADS = "refs/heads/"
TAGS = "refs/tags/"


class CommitGraph:
    """The commits and refs of one repository; `shown` shows that repository."""

    def __init__(self, holdings: Holdings, repository: RecordedRepository, shown: Callable[[], Thing]) -> None:
        self._commits = holdings.commits(repository)
        self._tags = holdings.deliveries(repository).tags
        self._default = repository.default_branch
        self._shown = shown

    def commit(self, sha: str | None) -> Thing | None:
        """A commit; of one that was not recorded only its id is known."""
        if not sha:
            return None
        known = self._commits.known.get(sha)
        return self.commit_of(json.loads(known.body)) if known else self.commit_of({"sha": sha})

    def tagged(self, tag: str) -> Thing | None:
        """The commit that a tag leads to."""
        return self.commit(self._commits.tags.get(tag))

    def commit_of(self, body: Mapping[str, Any]) -> Thing:
        """A commit by its body."""
        inner = body.get("commit") or {}
        sha = body.get("sha") or ""
        parents = [one.get("sha") for one in body.get("parents") or ()]
        return {
            "__typename": "Commit",
            "id": body.get("node_id") or f"C_{sha}",
            "oid": sha,
            "abbreviatedOid": sha[:7],
            "authoredDate": (inner.get("author") or {}).get("date"),
            "committedDate": (inner.get("committer") or {}).get("date"),
            "author": _git_actor(inner.get("author"), body.get("author")),
            "committer": _git_actor(inner.get("committer"), body.get("committer")),
            "message": inner.get("message"),
            "messageHeadline": (inner.get("message") or "").partition("\n")[0],
            "url": body.get("html_url") or body.get("url"),
            "repository": lambda *_: self._shown(),
            "parents": lambda _, **asked: connection("parents", parents, asked, self.commit),
            "history": partial(self._behind, sha),
        }

    def _behind(self, sha: str, _: object, **asked: Any) -> Thing:
        tip = self._commits.default[0].sha if self._commits.default else None
        found: Sequence[RecordedCommit] = self._commits.default if sha == tip else self._commits.behind(sha) or ()
        since, until = (_moment(asked.get(key)) for key in ("since", "until"))
        found = [
            one
            for one in found
            if (since is None or one.committed_at >= since) and (until is None or one.committed_at <= until)
        ]
        return connection("history", found, asked, lambda one: self.commit_of(json.loads(one.body)))

    def ref(self, qualified: str) -> Thing | None:
        """A branch or a tag by its full name; of the branches only the default one is known."""
        if qualified == f"{HEADS}{self._default}":
            tip = self._commits.default[0].sha if self._commits.default else None
            return self._ref(HEADS, self._default, self.commit(tip)) if tip else None
        name = qualified.removeprefix(TAGS)
        tag = self._tag(name) if qualified.startswith(TAGS) else None
        return self._ref(TAGS, name, tag) if tag else None

    def refs(self, _: object, **asked: Any) -> Thing:
        """Branches or tags, by name or by their commit's time."""
        prefix = asked["refPrefix"]
        names = list(self._commits.tags) if prefix == TAGS else []
        if prefix == HEADS and self._commits.default:
            names = [self._default]
        order = asked.get("orderBy") or {}
        names.sort(key=self._time_of if order.get("field") == "TAG_COMMIT_DATE" else str)
        if (order.get("direction") or asked.get("direction")) == "DESC":
            names.reverse()
        return connection("refs", names, asked, lambda name: self.ref(prefix + name))

    def _time_of(self, tag: str) -> str:
        known = self._commits.known.get(self._commits.tags.get(tag, ""))
        return known.committed_at.isoformat() if known else ""

    def _tag(self, name: str) -> Thing | None:
        target = self.tagged(name)
        tag = self._tags.get(name)
        if tag is None or tag.annotation is None:
            return target
        return {
            "__typename": "Tag",
            "id": f"TA_{tag.annotation}",
            "oid": tag.annotation,
            "abbreviatedOid": tag.annotation[:7],
            "name": name,
            "message": name,
            "target": target,
            "repository": lambda *_: self._shown(),
        }

    def _ref(self, prefix: str, name: str, target: Thing | None) -> Thing:
        return {
            "__typename": "Ref",
            "id": f"REF_{prefix}{name}",
            "name": name,
            "prefix": prefix,
            "target": target,
            "repository": lambda *_: self._shown(),
        }


def _git_actor(told: Mapping[str, Any] | None, user: Mapping[str, Any] | None) -> Thing | None:
    if not told:
        return None
    return {"name": told.get("name"), "email": told.get("email"), "date": told.get("date"), "user": actor(user)}


def _moment(text: str | None) -> datetime | None:
    try:
        return None if text is None else moment(text)
    except RefusedError as error:
        raise GraphRefusedError("ARGUMENT_ERROR", error.message) from None
