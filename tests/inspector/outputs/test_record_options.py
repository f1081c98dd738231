"""Tests of entries of `outputs` that cannot be used."""

from typing import Any

import pytest

from inspector.core.errors import ConfigError
from inspector.outputs.kinds import make_outputs

MQTT = {"kind": "mqtt", "host": "broker", "topic": "line"}
WEBHOOK = {"kind": "webhook", "url": "https://office.example/records"}


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ({"kind": "mqtt", "topic": "line"}, r"outputs\[0\]\.host is missing"),
        ({"kind": "mqtt", "host": "broker"}, r"outputs\[0\]\.topic is missing"),
        (MQTT | {"topic": "line/#"}, r"outputs\[0\]\.topic must name one topic"),
        (MQTT | {"topic": "line/{part_id}"}, r"topic may hold \{source\} and \{type\} only"),
        (MQTT | {"ca_file": "a.pem"}, r"ca_file is used only with outputs\[0\]\.tls: true"),
        (MQTT | {"tls": True, "key_file": "a.pem"}, r"outputs\[0\]\.cert_file is missing"),
        (MQTT | {"password": "x"}, r"outputs\[0\]\.user is missing"),
        (MQTT | {"protocol": "v4"}, r"protocol must be one of v3\.1\.1, v5, not 'v4'"),
        (MQTT | {"types": ["verdicts"]}, r"types\[0\] must be one of verdict, measured, "),
        ({"kind": "webhook"}, r"missing key outputs\[0\]\.url"),
        (WEBHOOK | {"url": "office.example"}, r"outputs\[0\]\.url must look like https://"),
        (WEBHOOK | {"url": "https://u:p@office.example"}, r"url must look like"),
        (WEBHOOK | {"url": "https://office.example/a b"}, r"url must look like"),
        (WEBHOOK | {"url": "https://office.example:x/"}, r"url must look like"),
        (WEBHOOK | {"url": "http://h/", "ca_file": "a.pem"}, r"only with a url of https"),
        (WEBHOOK | {"ca_file": "none.pem"}, r"outputs\[0\]\.ca_file: none\.pem"),
        (WEBHOOK | {"cert_file": "none.pem"}, r"cert_file: cannot use none\.pem"),
        (WEBHOOK | {"form": "xml"}, r"form must be one of lines, array, single"),
        (WEBHOOK | {"token": "a\nb"}, r"Authorization: it has characters"),
        (WEBHOOK | {"headers": {"Host": "x"}}, r"headers\.Host cannot be set"),
        (WEBHOOK | {"headers": {"X-Key": 7}}, r"headers\.X-Key must be text"),
        (WEBHOOK | {"headers": {"a b": "x"}}, r"'a b' is no name of a header"),
    ],
)
def test_an_entry_that_cannot_be_used_is_refused(entry: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        make_outputs([entry])
