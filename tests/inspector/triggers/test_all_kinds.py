"""Tests triggers of every kind together: Mosquitto, a Modbus PLC, HTTP and a program, while the
recipes of a line change."""

import http.client
import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from line_rig import LineRig
from motion_services import Broker, ModbusDevice
from triggered_line import check_parts, make_rig, read_parts
from waiting import wait_for

from inspector.triggers.kinds import TriggerReceivers
from inspector.web.options import WebViewOptions

pytestmark = pytest.mark.services

TOPIC = "line/trigger"
ROUNDS = 6


class Senders:
    """All that can trigger the line."""

    def __init__(self, rig: LineRig, broker: Broker, registers: list[int], port: int) -> None:
        from paho.mqtt import client

        self._rig, self._registers, self._port = rig, registers, port
        self.client = client.Client(client.CallbackAPIVersion.VERSION2)
        self.client.connect_async("127.0.0.1", broker.port)
        self.client.loop_start()
        wait_for(self.client.is_connected)

    def by_mqtt(self, part_id: str) -> None:
        for _ in range(2):
            self.client.publish(TOPIC, part_id.encode(), qos=1).wait_for_publish(20)

    def is_subscribed(self) -> bool:
        """Whether a message has arrived; it is refused, because it is no text."""
        self.client.publish(TOPIC, b"\xff", qos=1).wait_for_publish(20)
        return self._rig.line.triggers.counts()["refused"] > 0

    def by_http(self, part_id: str) -> None:
        for outcome in ("accepted", "repeated"):
            body = json.dumps({"part_id": part_id, "serial": f"S-{part_id}"})
            headers = {"content-type": "application/json", "authorization": "Bearer a-secret-token"}
            with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)) as link:
                link.request("POST", "/api/trigger", body, headers)
                assert json.loads(link.getresponse().read())["outcome"] == outcome

    def by_modbus(self, part_id: str) -> None:
        self._registers[:] = [1, int(part_id)]

    def by_program(self, part_id: str) -> None:
        self._rig.line.trigger(part_id)


def test_every_kind_of_trigger_gives_each_part_one_verdict(tmp_path: Path) -> None:
    loading = pytest.importorskip("inspector.web.loading")
    pytest.importorskip("uvicorn", reason="needs the extra web")
    (tmp_path / "broker").mkdir()
    broker = Broker(tmp_path / "broker", "allow_anonymous true")
    registers = [0, 0]
    device = ModbusDevice(lambda: registers)
    rig = make_rig(tmp_path)
    modbus = {"kind": "modbus", "host": "127.0.0.1", "port": device.port, "table": "holding"}
    entries: list[dict[str, Any]] = [
        {"kind": "mqtt", "host": "127.0.0.1", "port": broker.port, "topic": TOPIC},
        modbus | {"register": 0, "part_register": 1, "interval_s": 0.005},
    ]
    rig.line.attendants.add(TriggerReceivers(entries, rig.line.triggers))
    options = WebViewOptions(port=0, token="a-secret-token")
    view = loading.start_web_view(options, rig.line.store.store, rig.line)
    sent: list[str] = []
    try:
        with rig:
            rig.wait_for_frames()
            senders = Senders(rig, broker, registers, view.port)
            wait_for(senders.is_subscribed)
            for number in range(ROUNDS):
                for kind in (
                    senders.by_mqtt,
                    senders.by_http,
                    senders.by_modbus,
                    senders.by_program,
                ):
                    sent.append(str(1000 + len(sent)))
                    kind(sent[-1])
                    wait_for(lambda: sent[-1] in {line["part_id"] for line in read_parts(rig)})
                    registers[0] = 0
                    if len(sent) % 9 == 0:
                        assert rig.ask("recipe", name="bad" if number % 4 < 2 else "good").done
            senders.client.disconnect()
            senders.client.loop_stop()
    finally:
        view.stop()
        broker.kill()
        device.stop()
    lines = read_parts(rig)
    verdicts = check_parts(lines, sent)
    assert verdicts["PASS"]
    assert verdicts["FAIL"]
    counts = rig.line.triggers.counts()
    assert (counts["accepted"], counts["repeated"]) == (3 * ROUNDS, 2 * ROUNDS)
    assert {line["serial"] for line in lines if line["serial"]} == {
        f"S-{part_id}" for part_id in sent[1::4]
    }
