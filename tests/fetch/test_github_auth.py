"""A GitHub App on the loopback address, with a real key: what it signs, when it renews, what is told of a refusal."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from github import Auth, Github

from pipelinedoctor.errors import BudgetError, ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.github.auth import InstallationAuth, auth_of
from pipelinedoctor.fetch.github.client import Client
from pipelinedoctor.fetch.github.wire import Connection
from pipelinedoctor.fetch.interface import AppKey, Source
from pipelinedoctor.fetch.patience import PassingError
from pipelinedoctor.fetch.web import Web
from tests.fetch.scripted import Asked, Said, Script, scripted

PEM = serialization.Encoding.PEM
PLAIN = serialization.NoEncryption()
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SECRET = KEY.private_bytes(PEM, serialization.PrivateFormat.TraditionalOpenSSL, PLAIN).decode()
APP = AppKey(app_id=12345, installation_id=678, private_key=SECRET)
WHO = "ghe.example: GitHub App 12345, installation 678"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def source(url: str, app: AppKey | None = APP, token: str | None = None) -> Source:
    return Source(forge="github", host="ghe.example", url=url, repositories=(), token=token, app=app)


def granted(number: int = 1, life: timedelta = timedelta(hours=1), **more: Any) -> Said:
    ends = datetime.now(UTC) + life
    body = {"token": f"ghs_{number}", "expires_at": f"{ends:%Y-%m-%dT%H:%M:%SZ}", **more}
    return Said(201, json.dumps(body).encode())


def refused(script: Script, clock: Clock, app: AppKey = APP) -> BaseException:
    with scripted(script) as (url, _), pytest.raises((ForgeError, PassingError)) as raised:
        _ = InstallationAuth(app, source(url), "test", clock=clock).token
    said = str(raised.value)
    assert "\n" not in said
    assert not any(line in said for line in SECRET.splitlines())
    assert "eyJ" not in said
    return raised.value


def test_the_app_signs_and_the_forge_grants(clock: Clock) -> None:
    permissions = {"actions": "read", "checks": "read", "odd": 7}
    with scripted(lambda _: granted(permissions=permissions)) as (url, asked):
        auth = InstallationAuth(APP, source(f"{url}/api/v3"), "pipelinedoctor/test", clock=clock)
        assert (auth.token, auth.token_type) == ("ghs_1", "token")
        assert auth.permissions == {"actions": "read", "checks": "read"}
    (one,) = asked
    assert one.path == "/api/v3/app/installations/678/access_tokens"
    kind, _, signed = one.headers["authorization"].partition(" ")
    claims = jwt.decode(signed, KEY.public_key(), algorithms=["RS256"])
    assert (kind, claims["iss"]) == ("Bearer", "12345")
    assert claims["iat"] <= time.time()
    assert 0 < claims["exp"] - claims["iat"] <= 600
    assert one.headers["user-agent"] == "pipelinedoctor/test"


def test_a_token_is_renewed_five_minutes_before_its_end(clock: Clock) -> None:
    tokens = iter([granted(1), granted(2, timedelta(minutes=30)), granted(3)])
    with scripted(lambda _: next(tokens)) as (url, asked):
        auth = InstallationAuth(APP, source(url), "test", clock=clock)
        for now, token in ((0, "1"), (3200, "1"), (3302, "2"), (4700, "2"), (4804, "3")):
            clock.now = now
            assert auth.token == f"ghs_{token}"
    assert len(asked) == 3


@pytest.mark.parametrize("ends", [None, "soon", 7, "2001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_an_end_that_cannot_be_leads_to_no_storm_of_requests(clock: Clock, ends: object) -> None:
    with scripted(lambda _: granted(expires_at=ends)) as (url, asked):
        auth = InstallationAuth(APP, source(url), "test", clock=clock)
        for clock.now in range(0, 3600, 30):
            assert auth.token
    assert 2 <= len(asked) <= 60


def test_threads_share_one_token(clock: Clock) -> None:
    with scripted(lambda _: granted()) as (url, asked):
        auth = InstallationAuth(APP, source(url), "test", clock=clock)
        tokens: list[str] = []
        threads = [threading.Thread(target=lambda: tokens.append(auth.token)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert (tokens, len(asked)) == (["ghs_1"] * 8, 1)


def test_requests_of_pygithub_carry_it(clock: Clock) -> None:
    def script(asked: Asked) -> Said:
        return granted() if asked.path.startswith("/app/") else Said()

    with scripted(script) as (url, asked):
        auth = InstallationAuth(APP, source(url), "test", clock=clock)
        web = Web("test")
        connection = Connection(web, url)
        connection.left = 1
        github = Github(base_url=url, auth=auth, lazy=True, retry=None, seconds_between_requests=None)
        assert github.requester.requestJson("GET", "/rate_limit", cnx=connection)[0] == 200
        web.close()
    assert asked[-1].headers["authorization"] == "token ghs_1"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            Said(401, b'{"message": "A JSON web token could not be decoded"}'),
            "no token, answered 401 (A JSON web token could not be decoded); check that app_id and the private key",
        ),
        (Said(404, b'{"message": "Not Found"}'), "answered 404 (Not Found); it has no such installation"),
        (Said(403, b'{"message": "This installation has been suspended"}'), "is suspended"),
        (Said(422, b"<html>"), "no token, answered 422; check the App"),
        (Said(302, headers={"Location": "https://elsewhere.invalid/"}), "sent on to another address; check `url`"),
        (Said(200, b"[]"), "answered without a token"),
        (Said(201, b'{"token": "a\\nb"}'), "answered without a token"),
    ],
)
def test_a_refusal_is_one_line_that_names_the_app(clock: Clock, said: Said, words: str) -> None:
    error = refused(lambda _: said, clock)
    assert isinstance(error, ForgeError)
    assert str(error).startswith(WHO)
    assert words in str(error)


def test_a_refusal_that_repeats_what_was_signed_does_not_show_it(clock: Clock) -> None:
    refused(lambda asked: Said(401, json.dumps({"message": asked.headers["authorization"]}).encode()), clock)


def test_a_redirect_takes_the_signature_nowhere(clock: Clock) -> None:
    with scripted(lambda _: granted()) as (other, asked):
        refused(lambda _: Said(307, headers={"Location": other}), clock)
    assert asked == []


def test_a_limit_is_told_as_one(clock: Clock) -> None:
    error = refused(lambda _: Said(429, headers={"Retry-After": "90"}), clock)
    assert isinstance(error, BudgetError)
    assert "come back in 90 s" in str(error)


def test_a_passing_fault_is_told_as_one(clock: Clock) -> None:
    assert isinstance(refused(lambda _: Said(502), clock), PassingError)
    auth = InstallationAuth(APP, source("http://127.0.0.1:9"), "test", clock=clock)
    with pytest.raises(PassingError) as raised:
        _ = auth.token
    assert raised.value.absent


EC = ec.generate_private_key(ec.SECP256R1()).private_bytes(PEM, serialization.PrivateFormat.PKCS8, PLAIN).decode()


@pytest.mark.parametrize(
    "key", [EC, "-----BEGIN RSA PRIVATE KEY-----\nbm8=\n-----END RSA PRIVATE KEY-----", SECRET[:200], "x"]
)
def test_a_key_that_cannot_sign_is_told(clock: Clock, key: str) -> None:
    app = AppKey(app_id=12345, installation_id=678, private_key=key)
    error = refused(lambda _: granted(), clock, app)
    assert str(error) == f"{WHO}: its private key cannot sign; it has to be an RSA key in PEM"


def test_a_source_has_an_app_a_token_or_nothing() -> None:
    assert isinstance(auth_of(source("http://127.0.0.1:9"), "test"), InstallationAuth)
    token = auth_of(source("http://127.0.0.1:9", None, "t"), "test")
    assert isinstance(token, Auth.Token)
    assert token.token == "t"
    assert auth_of(source("http://127.0.0.1:9", None), "test") is None


def test_a_client_asks_as_the_app_and_tells_its_refusals(clock: Clock) -> None:
    answers = iter([Said(502), granted(), Said(body=b"[]"), Said(404, b'{"message": "Not Found"}')])
    with scripted(lambda _: next(answers)) as (url, asked):
        budget = Budget(None, pause=lambda _: None)
        client = Client(source(url), budget)
        assert client.ask("/installation/repositories") == []
        client.close()
        other = Client(source(url), budget)
        with pytest.raises(ForgeError, match="it has no such installation"):
            other.ask("/installation/repositories")
        other.close()
    assert [one.path.partition("?")[0] for one in asked[:3]] == [
        "/app/installations/678/access_tokens",
        "/app/installations/678/access_tokens",
        "/installation/repositories",
    ]
