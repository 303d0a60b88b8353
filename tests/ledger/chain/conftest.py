"""The engines, for every test here."""

from tests.chain_fixtures import clock, engine

__all__ = ["clock", "engine"]
