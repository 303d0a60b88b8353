"""A folder that is fast to sync, for tests that open hundreds of small databases."""

from tests.ledger.gateway.conftest import quick_path

__all__ = ["quick_path"]
