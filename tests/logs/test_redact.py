import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.logs.redact import redact

MIXED = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
HEX = "3f786850e387550fdab836ed7e6dc881de23001b"
UUID = "123e4567-e89b-12d3-a456-426614174000"

# Put together here, so that no text of a secret's shape stands in the source.
SHAPED = {
    "github": ("gh" + "p_" + MIXED, "github_token"),
    "github oauth": ("gh" + "o_" + MIXED, "github_token"),
    "github app": ("gh" + "s_" + MIXED, "github_token"),
    "github fine": ("github" + "_pat_" + MIXED + "_" + MIXED, "github_token"),
    "gitlab": ("gl" + "pat-" + MIXED[:20], "gitlab_token"),
    "gitlab registration": ("GR" + "1348941" + MIXED[:20], "gitlab_token"),
    "gitlab runner": ("gl" + "rt-" + MIXED[:20], "gitlab_token"),
    "aws": ("AK" + "IA" + "ABCDEFGH12345678", "aws_key"),
    "slack": ("xo" + "xb-" + "123456789012-" + MIXED, "slack_token"),
    "openai": ("s" + "k-proj-" + MIXED, "api_key"),
    "stripe": ("s" + "k_live_" + MIXED, "stripe_key"),
    "npm": ("np" + "m_" + MIXED, "npm_token"),
    "pypi": ("py" + "pi-" + MIXED + MIXED, "pypi_token"),
    "docker": ("dc" + "kr_pat_" + MIXED, "docker_token"),
    "hugging face": ("h" + "f_" + MIXED, "hugging_face_token"),
    "google": ("AI" + "za" + MIXED[:35], "google_key"),
    "jwt": ("ey" + "J" + MIXED + ".ey" + "J" + MIXED + "." + MIXED, "jwt"),
}


@pytest.mark.parametrize(("secret", "kind"), SHAPED.values(), ids=SHAPED)
@pytest.mark.parametrize("around", ["{}", "token: {}", "x='{}'", "\n  {}\n", "https://h.example/?k={}&x=1", "({})"])
def test_a_token_is_known_by_its_shape(secret: str, kind: str, around: str) -> None:
    assert redact(around.format(secret)) == around.format(f"<redacted:{kind}>")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("password=hunter2", "password=<redacted:secret>"),
        ('{"password": "hunter2"}', '{"password": "<redacted:secret>"}'),
        (f"API_TOKEN: {MIXED}", "API_TOKEN: <redacted:secret>"),
        (f"secret = '{MIXED}'", "secret = '<redacted:secret>'"),
        (f"aws_secret_access_key={MIXED}/+", "aws_secret_access_key=<redacted:secret>"),
        (f"--token {MIXED}", "--token <redacted:secret>"),
        (f"token = {HEX}", "token = <redacted:secret>"),
        (f"client_secret={UUID}", "client_secret=<redacted:secret>"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic <redacted:authorization>"),
        ("authorization: Bearer abcdefgh", "authorization: Bearer <redacted:authorization>"),
        (f"curl -H 'Bearer {MIXED}'", "curl -H 'Bearer <redacted:authorization>'"),
        ("curl -u me:s3cret http://x", "curl -u me:<redacted:password> http://x"),
        ("https://me:pass@host.example/x", "https://<redacted:userinfo>@host.example/x"),
        (f"https://{MIXED}@host.example/x", "https://<redacted:userinfo>@host.example/x"),
        (f"GET /x?X-Amz-Signature={HEX}&y=1", "GET /x?X-Amz-Signature=<redacted:signature>&y=1"),
        (
            "https://hooks.slack.com/services/" + "T0001/B0001/abcdefgh12",
            "https://hooks.slack.com/services/<redacted:slack_webhook>",
        ),
    ],
)
def test_a_secret_is_known_by_what_stands_beside_it(text: str, wanted: str) -> None:
    assert redact(text) == wanted


@pytest.mark.parametrize(
    "text",
    [
        f"HEAD is now at {HEX[:9]}",
        f"commit {HEX}",
        "Digest: sha256:" + hashlib.sha256(b"x").hexdigest(),
        f"image: registry.example/app@sha256:{hashlib.sha256(b'y').hexdigest()}",
        f"secret-scan: sha256:{hashlib.sha256(b'y').hexdigest()}",
        f"request id {UUID}",
        f"cache key: Linux-node-{HEX}",
        "Unexpected token: punc (",
        "SyntaxError: Unexpected token } in JSON at position 12",
        "password: required",
        "Input required and not supplied: token",
        "basic authentication failed",
        "tests.test_token::test_refresh_2fa_codes",
        "org.example.TokenManagerTest.testRotate12Keys:123",
        "git@github.com: Permission denied (publickey).",
        "ssh://git@host.example/a/b.git",
        "uses: actions/checkout@v4.1.2",
        "sk-learn-contrib-something-very-nice",
        "the password=$DB_PASSWORD and token=${{ secrets.TOKEN }}",
        "password=***",
        "java.lang.Object@1a2b3c",
        "pkg@1.2.3",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_an_address_keeps_only_its_hash() -> None:
    wanted = hashlib.sha256(b"jo.doe@mail.example.com").hexdigest()[:8]

    assert redact("Author: Jo <Jo.Doe@mail.example.com>, twice") == f"Author: Jo <<email:{wanted}>>, twice"


KEY = "-----BEGIN RSA PRIVATE " + "KEY-----\n" + (MIXED + "\n") * 3 + "-----END RSA PRIVATE " + "KEY-----"


@pytest.mark.parametrize(
    "text",
    [KEY, KEY.split("\n", 1)[1], KEY.rsplit("\n", 1)[0], KEY.replace("\n", "\n2026-01-01T00:00:00Z ")],
    ids=["whole", "without its head", "without its end", "behind time stamps"],
)
def test_a_private_key_goes_even_if_a_part_was_cut_off(text: str) -> None:
    redacted = redact(f"before\n{text}")

    assert MIXED not in redacted
    assert redacted.startswith("before\n<redacted:private_key>")


PIECES = st.sampled_from(
    [secret for secret, _ in SHAPED.values()]
    + [
        "password=",
        "token: ",
        "Bearer ",
        "://",
        "@",
        "-u a:",
        HEX,
        UUID,
        "a.b",
        " ",
        "\n",
        '"',
        "x",
        "<",
        ">",
        KEY,
        "=",
        "/",
    ]
)


@settings(deadline=None, max_examples=300)
@given(st.one_of(st.text(max_size=200), st.lists(PIECES, max_size=12).map("".join)))
def test_redacting_twice_is_redacting_once(text: str) -> None:
    once = redact(text)

    assert redact(once) == once


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.characters(), max_size=100), st.sampled_from(list(SHAPED.values())), st.text(max_size=100))
def test_no_shaped_secret_survives_whatever_stands_around_it(before: str, shaped: tuple[str, str], after: str) -> None:
    assert shaped[0] not in redact(f"{before} {shaped[0]} {after}")


HOSTILE = [
    "ghp_", "eyJ", "a", "a@", "a.a", "://", "password", "password=", "authorization: ", "basic ", "-u a:", "token ", "sk-",
    "-----BEGIN PRIVATE " + "KEY-----", "A" * 64 + "\n", "x@a.", "AKIA", "PRIVATE KEY @", "?sig=",
]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_is_gone_over_once(piece: str) -> None:
    # A pattern that went back over its text would need hours here.
    text = piece * (100_000 // len(piece)) + "\n-----END PRIVATE " + "KEY----"

    assert redact(redact(text)) == redact(text)
