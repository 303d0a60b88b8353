"""Numbers about a running process, for Prometheus. docs/metrics.md lists them; a test compares.

What happens is counted where it happens (`Metrics`); how things stand is read when asked (`HomeState`,
`NodeState`), so that nothing has to be kept up to date. A part that is away has no numbers, and says so in
`cargoledger_ledger_up`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select

from api import __version__
from indexer.models import MISMATCH, Block, Cursor, Payload
from indexer.store import table_of
from ledger.errors import CargoLedgerError

if TYPE_CHECKING:
    from api.home import Home
    from api.posting import Settling
    from ledger.chain.client import ChainClient

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ROUND_S = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)


class Metrics:
    """Counts of one process in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._states: dict[str, Collector] = {}

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"cargoledger_{name}", text, labels, registry=self.registry)

        self.blocks = counter("index_blocks", "Blocks indexed.")
        self.events = counter("index_events", "Events indexed, refused ones included.")
        self.rows = counter("index_rows", "Rows written for blocks.")
        self.opened = counter("index_payloads_opened", "Payloads opened, checked and made rows.")
        self.settled = counter("gateway_outcomes", "Events of which the outcome became known.", "outcome")
        self.retries = counter("retries", "Rounds given up because something was away, and tried again.")
        self.faults = counter("faults", "Faults met, by code; docs/errors.md says what each means.", "code")
        self.answers = counter("http_responses", "Answers of the HTTP server.", "status")
        self.requests = counter("node_requests", "JSON-RPC requests answered.", "method", "result")
        self.rounds = Histogram(
            "cargoledger_round_seconds", "Time of a round that carried and indexed something.",
            buckets=_ROUND_S, registry=self.registry)

    def round(self, settling: Settling, spent_s: float) -> None:
        """Count what a round brought."""
        progress = settling.progress
        self.blocks.inc(progress.blocks)
        self.events.inc(progress.events)
        self.rows.inc(progress.rows)
        self.opened.inc(progress.payloads_open)
        for settled in settling.settled:
            self.settled.labels(settled.code).inc()
        if progress.blocks or settling.settled:
            self.rounds.observe(spent_s)

    def fault(self, fault: CargoLedgerError, *, retried: bool = False) -> None:
        """Count a fault, and that what failed is tried again."""
        self.faults.labels(fault.code).inc()
        if retried:
            self.retries.inc()

    def watch(self, name: str, state: Collector) -> None:
        """Read these gauges too, in place of those of that name before."""
        if (before := self._states.pop(name, None)) is not None:
            self.registry.unregister(before)
        self._states[name] = state
        self.registry.register(state)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)


class HomeState(Collector):
    """How a home stands: ledger, index, payloads, outbox, nodes."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def collect(self) -> Iterator[Metric]:
        """The gauges, read now."""
        home = self._home
        yield InfoMetricFamily("cargoledger_build", "Version of the program.", {"version": __version__})
        yield _gauge("degraded", "1 while something keeps the server from recording or indexing.",
                     int(home.fault is not None))
        head = yield from _ledger(lambda: home.chain, home.clock())
        yield from self._index(head)
        yield from self._payloads()
        with suppress(CargoLedgerError):
            yield _gauge("outbox_events", "Events taken that have no outcome yet.", home.gateway.open_count())
        yield from self._endpoints()

    def _index(self, head: tuple[int, int] | None) -> Iterator[Metric]:
        cursors, blocks = table_of(Cursor), table_of(Block)
        with self._home.engine.connect() as connection:
            at = connection.execute(select(cursors.c.block_number, blocks.c.timestamp).join(
                blocks, blocks.c.number == cursors.c.block_number)).first()
        if at is None:
            return
        yield _gauge("index_block", "Number of the last block indexed.", at[0])
        if head is not None:
            yield _gauge("index_lag_blocks", "Blocks that the ledger has and the index has not.",
                         max(0, head[0] - at[0]))
            yield _gauge("index_lag_seconds", "From the last block indexed to the ledger's last block.",
                         max(0, head[1] - at[1]))

    def _payloads(self) -> Iterator[Metric]:
        payloads = table_of(Payload)
        states = GaugeMetricFamily("cargoledger_payloads", "Events by what is known of their payload.",
                                   labels=["status"])
        faults = GaugeMetricFamily("cargoledger_payload_faults", "Payloads kept as evidence, by fault.",
                                   labels=["fault"])
        with self._home.engine.connect() as connection:
            for status, count in connection.execute(
                    select(payloads.c.status, func.count()).group_by(payloads.c.status)):
                states.add_metric([status], count)
            found: dict[str, int] = {}
            for text in connection.execute(
                    select(payloads.c.fault).where(payloads.c.status == MISMATCH)).scalars():
                code = str(text).partition(":")[0]
                found[code] = found.get(code, 0) + 1
        for code, count in sorted(found.items()):
            faults.add_metric([code], count)
        yield states
        yield faults

    def _endpoints(self) -> Iterator[Metric]:
        """Health of the network's nodes, where there are several."""
        health: Callable[..., list[dict[str, Any]]] | None = getattr(self._home.chain, "health", None)
        if health is None:
            return
        up = GaugeMetricFamily("cargoledger_endpoint_up", "1 for a node that is used.", labels=["endpoint"])
        lag = GaugeMetricFamily("cargoledger_endpoint_lag_blocks", "Blocks behind the best node.",
                                labels=["endpoint"])
        errors = GaugeMetricFamily("cargoledger_endpoint_error_ratio", "Share of late requests that failed.",
                                   labels=["endpoint"])
        for place, node in enumerate(health(ask=False)):
            name = [str(place)]  # an address may hold a credential; the order is that of the settings
            up.add_metric(name, int(node["state"] in ("ok", "new")))
            errors.add_metric(name, node["errorRate"])
            if node["lag"] is not None:
                lag.add_metric(name, node["lag"])
        yield from (up, lag, errors)


class NodeState(Collector):
    """How an embedded ledger that is served as a node stands."""

    def __init__(self, chain: ChainClient, clock: Callable[[], int]) -> None:
        self._chain, self._clock = chain, clock

    def collect(self) -> Iterator[Metric]:
        """The gauges, read now."""
        yield InfoMetricFamily("cargoledger_build", "Version of the program.", {"version": __version__})
        yield from _ledger(lambda: self._chain, self._clock())


def _ledger(
    chain: Callable[[], ChainClient], now_s: int,
) -> Generator[Metric, None, tuple[int, int] | None]:
    """The ledger's head; returns its number and time, or None where it is away."""
    head = None
    with suppress(CargoLedgerError):
        opened = chain()
        header = opened.header(opened.head_number())
        head = (header.number, header.timestamp) if header is not None else None
    yield _gauge("ledger_up", "1 if the ledger answers.", int(head is not None))
    if head is not None:
        yield _gauge("ledger_head_block", "Number of the ledger's last block.", head[0])
        yield _gauge("ledger_head_age_seconds", "Time since the ledger's last block.",
                     max(0, now_s - head[1]))
    return head


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"cargoledger_{name}", text, value)
