"""Every bound of the write side, in one place, with unit and reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds, passed down explicitly. Units are in the names."""

    lines_max: int = 64                    # units in one event; the contract refuses more
    batch_events_max: int = 200            # gains nothing beyond (docs/adr)
    batch_gas_max: int = 12_000_000        # well below a 16.7 Mgas transaction cap
    batch_bytes_max: int = 110_000         # common pool cap is 128 KiB a transaction
    body_bytes_max: int = 4_194_304        # one capture document
    capture_events_max: int = 1_000        # events in one capture document
    event_bytes_max: int = 262_144         # one event's payload
    json_depth_max: int = 64               # nested arrays and objects
    proof_hashes_max: int = 63             # RFC 6962 path in the largest tree we accept
    readers_max: int = 64                  # readers of one payload
    clock_skew_s_max: int = 300            # how far occurredAt may lie in the future (also in the contract)
    reading_age_s_max: int = 3_600         # how long before its event a device may have measured
    page_rows_max: int = 1_000             # rows of one page
    outbox_events_max: int = 100_000       # events without an outcome: half an hour at 50/s, 600 MB
    late_after_s: int = 86_400             # recorded later than this after it occurred: flagged late
    trace_nodes_max: int = 100_000         # nodes of one lineage answer


DEFAULT_LIMITS = Limits()
