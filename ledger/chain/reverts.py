"""Reverted calls, named: what a contract answered instead of a result.

Which custom error it was, in a sentence: `ledger.chain.deploy.explain`.
"""

from __future__ import annotations

from ledger.errors import InputError


class RevertedError(InputError):
    """A call that the contract refused as a whole. `data` is what it returned (selector, arguments)."""

    code = "CL-INPUT-010"

    def __init__(self, message: str, *, data: bytes = b"", remedy: str = "") -> None:
        super().__init__(message, remedy=remedy)
        self.data = data
