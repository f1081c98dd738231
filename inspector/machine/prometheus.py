"""Shows states and counts to Prometheus, as a page of metrics (extra `prometheus`)."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

from inspector.core.clock import now_ns
from inspector.core.errors import ConfigError
from inspector.core.schema import Between
from inspector.machine.board import StateBoard
from inspector.machine.controls import Controls
from inspector.machine.kinds import StateOptions
from inspector.machine.state import Signal

PREFIX: Final = "line_inspector_"


@dataclass(frozen=True, kw_only=True)
class PrometheusOptions(StateOptions):
    """host: address of this machine at which the page can be read."""

    host: str = "127.0.0.1"
    port: Annotated[int, Between(1, 65535)] = 9464


class PrometheusOutput:
    """Answers at http://host:port/metrics. Each answer is made from the newest values."""

    Options: ClassVar[type[StateOptions]] = PrometheusOptions

    def __init__(
        self, options: PrometheusOptions, board: StateBoard, key: str, controls: Controls
    ) -> None:
        try:
            import prometheus_client
        except ModuleNotFoundError as exc:
            raise ConfigError(
                f"{key} needs prometheus-client: pip install '.[prometheus]'"
            ) from exc
        registry = prometheus_client.CollectorRegistry()
        registry.register(_Collector(board, controls))
        try:
            self._server, self._thread = prometheus_client.start_http_server(
                options.port, options.host, registry
            )
        except OSError as exc:
            raise ConfigError(f"{key}: {options.host}:{options.port}: {exc}") from exc

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Collector:
    """Makes the metrics when they are read."""

    def __init__(self, board: StateBoard, controls: Controls) -> None:
        self._board, self._controls = board, controls

    def collect(self) -> Iterator[Any]:
        yield from self._collect_states()
        yield from self._collect_counts()

    def _collect_states(self) -> Iterator[Any]:
        now = now_ns()
        signals = _gauge("signal", "1 for the signal of the station, 0 for others", "signal")
        codes = _gauge("error_code", "why there is no PASS, see docs/machine.md")
        beats = _counter("heartbeat", "final verdicts on frames")
        ages = _gauge("heartbeat_age_seconds", "time since the newest final verdict on a frame")
        verdicts = _counter("verdicts", "verdicts that drive the machine")
        conditions = _gauge("condition", "1 while the camera has the condition", "condition")
        for name, state in self._board.states().items():
            for signal in Signal:
                signals.add_metric([name, signal], float(state.signal is signal))
            codes.add_metric([name], state.error_code)
            beats.add_metric([name], state.heartbeat)
            verdicts.add_metric([name], state.sequence)
            if state.heartbeat_ns is not None:
                ages.add_metric([name], (now - state.heartbeat_ns) / 1e9)
            for condition in state.conditions:
                conditions.add_metric([name, condition], 1)
        frames = _counter("frames", "frames by verdict", "verdict")
        for name, counts in self._board.verdicts().items():
            _add(frames, name, counts)
        yield from (signals, codes, beats, ages, verdicts, conditions, frames)

    def _collect_counts(self) -> Iterator[Any]:
        dropped = _counter("dropped_frames", "frames of this run that were dropped", "cause")
        missing = _counter("missing_frames", "frames of this run that did not arrive", "cause")
        latency = _gauge("latency_seconds", "capture to last output, in this run", "quantile")
        waiting = _gauge("records_waiting", "records in the outbox of an output", "output")
        for counts in self._controls.counts():
            _add(dropped, counts.source, counts.dropped)
            _add(missing, counts.source, counts.missing)
            _add(waiting, counts.source, counts.waiting)
            known = {q: ms / 1e3 for q, ms in counts.latency_ms.items() if not math.isnan(ms)}
            _add(latency, counts.source, known)
        yield from (dropped, missing, latency, waiting)


def _gauge(name: str, text: str, *labels: str) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    return GaugeMetricFamily(PREFIX + name, text, labels=("station", *labels))


def _counter(name: str, text: str, *labels: str) -> Any:
    from prometheus_client.core import CounterMetricFamily

    return CounterMetricFamily(PREFIX + name, text, labels=("station", *labels))


def _add(metric: Any, station: str, values: Mapping[Any, float]) -> None:
    for label, value in values.items():
        metric.add_metric([station, str(label)], value)
