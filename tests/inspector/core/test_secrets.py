"""Secrets are masked in URLs, messages and settings."""

from dataclasses import asdict
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.config import Config, load_config
from inspector.core.secrets import mask_secrets, mask_uri, mask_values

HOSTS = ("cam.example", "192.168.0.7:554", "[fe80::1]:8554", "[::1]", "host")
SECRETS = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=3, max_size=12
).map(lambda middle: f"Zq{middle}Xw")
NO_SPACE = SECRETS.filter(lambda s: not any(c.isspace() or c in "\"'<>" for c in s))


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("rtsp://admin:pw1@cam:554/live", "rtsp://***@cam:554/live"),
        ("rtsp://admin:a@b@cam/live", "rtsp://***@cam/live"),
        ("rtsp://u:a/b?c@[fe80::1]:554/x", "rtsp://***@[fe80::1]:554/x"),
        ("rtsp://cam:554/live", "rtsp://cam:554/live"),
        ("http://cam/user@home.ts", "http://cam/user@home.ts"),
        ("http://cam/x?password=abc&channel=1", "http://cam/x?password=***&channel=1"),
        ("http://cam/x?channel=1&Api_Key=abc#t", "http://cam/x?channel=1&Api_Key=***"),
        ("http://cam/x?p%61ssword=abc", "http://cam/x?p%61ssword=***"),
        ("http://cam/x?next=rtsp%3A%2F%2Fu%3Apw%40h", "http://cam/x?next=***"),
        ("rtsp://cam/user=admin_password=abc_channel=1", "rtsp://cam/user=***"),
        ("clips/token=1.mp4", "clips/token=1.mp4"),
        ("http://cam/x?keyframes=1", "http://cam/x?keyframes=1"),
    ],
)
def test_secrets_are_masked_and_the_rest_stays(uri, shown):
    assert mask_uri(uri) == shown


@given(SECRETS, SECRETS, st.sampled_from(HOSTS), st.booleans())
def test_no_user_and_password_are_ever_shown(user, password, host, encoded):
    if encoded:
        user, password = quote(user, safe=""), quote(password, safe="")
    uri = f"rtsp://{user}:{password}@{host}/live?x=1"
    assert user not in mask_uri(uri)
    assert password not in mask_uri(uri)
    assert mask_uri(uri).endswith(f"@{host}/live?x=1")


@given(SECRETS.filter(lambda s: "&" not in s and "@" not in s), st.sampled_from(HOSTS))
def test_no_secret_of_a_query_is_ever_shown(secret, host):
    shown = mask_uri(f"http://{host}/live?a=1&password={secret}&b=2")
    assert secret not in shown
    assert shown == f"http://{host}/live?a=1&password=***&b=2"


@given(NO_SPACE, NO_SPACE, st.sampled_from(HOSTS))
def test_the_secrets_of_urls_in_messages_are_masked(user, password, host):
    text = mask_secrets(f"cannot open 'rtsp://{user}:{password}@{host}/live': refused")
    assert password not in text
    assert text == f"cannot open 'rtsp://***@{host}/live': refused"


@given(SECRETS, st.sampled_from(HOSTS))
def test_the_password_of_a_known_url_is_masked_everywhere_in_a_text(password, host):
    uri = f"rtsp://admin:{password}@{host}/live"
    assert password not in mask_secrets(f"bad URL {uri} (password {password})", uri)


@given(SECRETS, st.sampled_from(HOSTS))
def test_the_decoded_form_of_an_encoded_password_is_masked_too(password, host):
    uri = f"rtsp://admin:{quote(password, safe='')}@{host}/live"
    assert password not in mask_secrets(f"login failed for {password}", uri)


@given(st.text())
def test_masking_twice_changes_nothing_more(text):
    assert mask_secrets(mask_secrets(text)) == mask_secrets(text)
    assert mask_uri(mask_uri(text)) == mask_uri(text)


def test_sentences_without_secrets_do_not_change():
    text = "Connection refused: host 10.0.0.1 port 554, errno=111"
    assert mask_secrets(text) == text


def test_settings_with_secret_names_are_masked_at_any_depth():
    entry = {"kind": "x", "password": "abc", "host": "h", "queue": {"dir": "d", "api_key": "k"}}
    masked = mask_values({"outputs": (entry, entry), "uri": "rtsp://u:p@h", "token": None})
    shown = {"kind": "x", "password": "***", "host": "h", "queue": {"dir": "d", "api_key": "***"}}
    assert masked == {"outputs": (shown, shown), "uri": "rtsp://***@h", "token": None}
    assert entry["password"] == "abc"


def test_passwords_of_outputs_reach_no_log():
    config = load_config(None, {"outputs": [{"kind": "x", "password": "Zq1Xw"}]})
    assert "Zq1Xw" not in str(config.plain())
    assert Config().plain() == asdict(Config())
