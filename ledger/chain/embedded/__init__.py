"""The embedded ledger: py-evm in process, on a durable store. Only this package may import py-evm."""

from ledger.chain.embedded.chain import EmbeddedChain

__all__ = ["EmbeddedChain"]
