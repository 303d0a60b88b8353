"""How a server is: whether it takes events in, records them, and knows what the ledger knows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from api.views.names import iso_s
from indexer.queries import position
from ledger.errors import CargoLedgerError

if TYPE_CHECKING:
    from api.home import Home


def health_view(home: Home) -> dict[str, Any]:
    """Status `ok` or `degraded`, head of ledger and index, and how many events wait."""
    faults: list[str] = []
    head: int | None = None
    waiting: int | None = None
    try:
        head = home.chain.head_number()
        waiting = home.gateway.open_count()
    except CargoLedgerError as fault:
        faults.append(fault.code)
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
        "faults": faults,
    }
