"""What can be wrong with what a node or a database says, each by its own name and code."""

from __future__ import annotations

from ledger.errors import TrustError, UnavailableError


class HeaderMismatchError(TrustError):
    """A header does not hash to what the node says, or says something else than the node says beside it."""

    code = "CL-TRUST-040"


class ForkError(TrustError):
    """A block contradicts one that is already indexed, on a chain whose blocks are final. Both headers are
    kept.
    """

    code = "CL-TRUST-041"


class ReceiptsMismatchError(TrustError):
    """The receipts do not give the header's receipts root: something was dropped, added, altered or
    reordered.
    """

    code = "CL-TRUST-042"


class LogMismatchError(TrustError):
    """Logs that the node says beside a receipt differ from those in the receipt that the header vouches for.
    """

    code = "CL-TRUST-043"


class WrongLedgerError(TrustError):
    """Another chain id, another contract, or an index that belongs to another ledger."""

    code = "CL-TRUST-044"


class LedgerEndedError(WrongLedgerError):
    """The ledger named its successor, which this process does not read yet: `ledger.chain.succession` tells
    whether it may be followed.
    """

    code = "CL-TRUST-048"


class LogFormatError(TrustError):
    """A log of our contracts says what they cannot have said."""

    code = "CL-TRUST-045"


class BloomMismatchError(TrustError):
    """The bloom of a receipt or of the header is not that of the logs: whoever searches by it misses some."""

    code = "CL-TRUST-047"


class IndexBusyError(UnavailableError):
    """Another process writes this index."""

    code = "CL-UNAVAILABLE-040"


class IndexAwayError(UnavailableError):
    """The server of the index's database does not answer, or ended the connection."""

    code = "CL-UNAVAILABLE-041"
