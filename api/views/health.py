"""How a server is: whether it takes events in, records them, and knows what the ledger knows."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from api.views.names import iso_s
from indexer.queries import position
from ledger.chain.endpoints import Endpoints
from ledger.errors import CargoLedgerError

if TYPE_CHECKING:
    from api.home import Home


def health_view(home: Home) -> dict[str, Any]:
    """Status `ok` or `degraded`, head of ledger and index, how many events wait, and how each node is.

    `endpoints` is empty for an embedded ledger. A node that is away or lies degrades nothing by itself: what
    cannot be read or recorded because of it does.
    """
    faults: list[str] = []
    head: int | None = None
    waiting: int | None = None
    endpoints: list[dict[str, Any]] = []
    try:
        head = home.chain.head_number()
        waiting = home.gateway.open_count()
    except CargoLedgerError as fault:
        faults.append(fault.code)
    with suppress(CargoLedgerError):
        if isinstance(home.chain, Endpoints):
            endpoints = home.chain.health(ask=False)
    with home.session() as session:
        index = position(session)
    if home.fault is not None:
        faults.append(home.fault.code)
    return {
        "status": "degraded" if faults else "ok",
        "ledgerBlock": head,
        "indexBlock": index.block_number if index else None,
        "indexTime": iso_s(index.timestamp) if index else None,
        "waiting": waiting,
        "endpoints": endpoints,
        "faults": faults,
    }
