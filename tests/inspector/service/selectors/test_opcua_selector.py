"""Tests recipes that an OPC UA server selects: that of asyncua."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from log_lines import warnings_of
from motion_services import free_port
from recipe_line import RecipeLine, selecting
from waiting import wait_for

from inspector.core.errors import ConfigError
from inspector.service.selectors.kinds import make_selectors

pytestmark = pytest.mark.services

NODE = "ns=2;s=Line.Recipe"


OPCUA_SERVER = """
import asyncio, sys
from asyncua import Server, ua

async def main():
    server = Server()
    await server.init()
    server.set_endpoint(sys.argv[1])
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.register_namespace("urn:test")
    node = await server.nodes.objects.add_variable(
        ua.NodeId.from_string(sys.argv[2]), "2:Recipe", eval(sys.argv[3])
    )
    await node.set_writable()
    async with server:
        print("ready", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


class OpcUaServer:
    """A server in a process, whose node holds a value."""

    def __init__(self, value: object) -> None:
        self.url = f"opc.tcp://127.0.0.1:{free_port()}"
        self.start(value)

    def start(self, value: object) -> None:
        argv = [sys.executable, "-c", OPCUA_SERVER, self.url, NODE, repr(value)]
        self.process = subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()

    def write(self, value: object) -> None:
        asyncio.run(self._write(value))

    async def _write(self, value: object) -> None:
        from asyncua import Client

        async with Client(self.url) as client:
            await client.get_node(NODE).write_value(value)

    def entry(self, **changes: Any) -> dict[str, Any]:
        times = {"interval_s": 0.05, "timeout_s": 1.0}
        return {"kind": "opcua", "url": self.url, "node": NODE} | times | changes


@contextlib.contextmanager
def opcua_server(value: object) -> Iterator[OpcUaServer]:
    server = OpcUaServer(value)
    try:
        yield server
    finally:
        server.kill()


def test_the_text_of_a_node_selects(line: RecipeLine) -> None:
    with opcua_server("") as server, selecting(line, **server.entry()):
        server.write("cap")
        line.wait_for("cap")
        server.write("cap")
        server.write("a\nb")
        server.write("plate")
        line.wait_for("cap", "plate")
    assert line.requests[0].who == f"opcua:{NODE}"


def test_the_number_of_a_node_selects(line: RecipeLine) -> None:
    names = {1: "bottle", 2: "cap"}
    with opcua_server(1) as server, selecting(line, **server.entry(names=names)):
        line.wait_for("bottle")
        server.write(2)
        line.wait_for("bottle", "cap")


def test_a_node_with_another_type_is_refused(line: RecipeLine) -> None:
    with opcua_server(1.5) as server, warnings_of() as lines, selecting(line, **server.entry()):
        wait_for(lambda: any("no name and no whole number" in text for text in lines))
    assert line.requests == []


def test_an_opcua_server_that_is_killed_stalled_and_missing(line: RecipeLine) -> None:
    with opcua_server("bottle") as server, selecting(line, **server.entry()):
        line.wait_for("bottle")
        with warnings_of() as lines:
            server.kill()
            wait_for(lambda: any("no value" in text for text in lines))
        server.start("bottle")
        server.write("cap")
        line.wait_for("bottle", "cap")
        with warnings_of() as lines:
            server.process.send_signal(signal.SIGSTOP)
            wait_for(lambda: any("no value" in text for text in lines), 40)
        server.process.send_signal(signal.SIGCONT)
        server.write("bottle")
        line.wait_for("bottle", "cap", "bottle")


def test_a_node_that_is_missing_is_named(line: RecipeLine) -> None:
    with (
        opcua_server("") as server,
        warnings_of() as lines,
        selecting(line, **server.entry(node="ns=2;s=Other")),
    ):
        wait_for(lambda: any("node" in text.lower() for text in lines))


def test_a_node_id_that_cannot_be_read_is_refused(line: RecipeLine) -> None:
    entry = {"kind": "opcua", "url": "opc.tcp://127.0.0.1:4840", "node": "rubbish"}
    with pytest.raises(ConfigError, match=r"recipes\.select\[0\]\.node: .*rubbish"):
        make_selectors([entry], line.store)
