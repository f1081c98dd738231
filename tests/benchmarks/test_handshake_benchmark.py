"""Tests the benchmark of the handshake with a few parts."""

import json
import sys

import pytest

from benchmarks import handshake

pytestmark = pytest.mark.services


def test_no_part_is_accepted_wrongly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["handshake", "--parts", "60", "--opcua-parts", "0"])
    handshake.main()
    counts = json.loads(capsys.readouterr().out)["handshake"]["modbus"]
    assert counts["parts"] == 60
    assert counts["accepted"] > 0
    assert [counts[name] for name in handshake.WRONG[:4]] == [0] * 4
