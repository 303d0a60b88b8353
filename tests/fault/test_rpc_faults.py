"""The RPC fault list through a real socket: the index ends as a clean one, or the node is named and nothing false is written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

import indexer.ahead as ahead
from indexer.database import open_engine
from indexer.digest import digest
from indexer.faults import ForkError
from indexer.indexer import Indexer
from indexer.models import Evidence
from ledger.chain.client import ChainClient
from ledger.chain.endpoints import Endpoints, LyingNodeError
from ledger.chain.rpc import RpcChain
from ledger.errors import TrustError, UnavailableError
from tests.chain_fixtures import CHAIN_ID, Clock, EmbeddedNode, anvil
from tests.fault.rpc_proxy import FAULTS, LIES, Proxy
from tests.indexer.network import RealNetwork, journey

STUMBLES = [fault for fault in FAULTS if fault not in LIES]
TIMEOUT_S = 5.0


@pytest.fixture(scope="module", params=["node", pytest.param("anvil", marks=[pytest.mark.anvil, pytest.mark.deep])])
def net(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, RealNetwork, str]]:
    """A node with a journey on it, the network, and the digest of its clean index."""
    folder, clock = tmp_path_factory.mktemp("rpc"), Clock()
    if request.param == "node":
        with EmbeddedNode(folder / "chain.sqlite", clock) as node:
            yield _journey(node.url, RpcChain(node.url, chain_id=CHAIN_ID), folder, clock)
    else:
        with anvil(timestamp_s=clock.now_s) as url:
            yield _journey(url, RpcChain(url, chain_id=CHAIN_ID), folder, clock)


def _journey(url: str, chain: ChainClient, folder: Path, clock: Clock) -> tuple[str, RealNetwork, str]:
    network = RealNetwork(chain, folder / "net", clock)
    journey(network)
    engine = open_engine("sqlite://")
    network.indexer(engine).run_once()
    return url, network, digest(engine)


def indexer(network: RealNetwork, chain: ChainClient, engine: Engine) -> Indexer:
    honest, network.chain = network.chain, chain
    try:
        return network.indexer(engine)
    finally:
        network.chain = honest


def events(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("SELECT count(*) FROM event").scalar() or 0)


@pytest.fixture(params=["here", "beside"])
def reads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Who checks and decodes the blocks: the indexer's own process, or the one beside it."""
    if request.param == "beside":
        monkeypatch.setattr(ahead, "BLOCKS_MIN", 1)
        monkeypatch.setattr(ahead, "READY_WAIT_S", 30.0)
    return str(request.param)


@pytest.mark.usefixtures("reads")
@pytest.mark.parametrize("fault", STUMBLES)
def test_node__stumbles_and_recovers__index_is_the_clean_one(net: tuple[str, RealNetwork, str], fault: str) -> None:
    url, network, clean = net
    engine = open_engine("sqlite://")
    with Proxy(url, fault, times=3, delay_s=1.5) as proxy:
        client = RpcChain(proxy.url, chain_id=CHAIN_ID, timeout_s=1.0 if fault == "delay" else TIMEOUT_S)
        reader = indexer(network, client, engine)
        for _ in range(12):
            try:
                reader.run_once()
            except UnavailableError:
                reader._source.unpin()  # as `follow` does
                continue
            if proxy.done >= 3 and digest(engine) == clean:
                break
        assert proxy.done >= 3  # what is read ahead may meet the fault at the same time
    assert digest(engine) == clean


@pytest.mark.usefixtures("reads")
@pytest.mark.parametrize("fault", LIES)
def test_node__lies__is_named_and_nothing_false_is_written(net: tuple[str, RealNetwork, str], fault: str) -> None:
    url, network, clean = net
    engine = open_engine("sqlite://")
    with Proxy(url, fault) as proxy:
        reader = indexer(network, RpcChain(proxy.url, chain_id=CHAIN_ID, timeout_s=TIMEOUT_S), engine)
        with pytest.raises(TrustError):
            reader.run_once()
        assert proxy.done > 0
        wrote = events(engine)
        proxy.fault = ""
        reader.run_once()  # what was written before stands and is true: it goes on to the clean index
    assert events(engine) > wrote
    assert digest(engine) == clean


@pytest.mark.usefixtures("reads")
@pytest.mark.parametrize("fault", LIES)
def test_one_of_two_nodes__lies__is_quarantined_and_the_other_read(
    net: tuple[str, RealNetwork, str], fault: str, tmp_path: Path,
) -> None:
    url, network, clean = net
    engine, kept = open_engine("sqlite://"), tmp_path / "evidence.jsonl"
    with Proxy(url, fault) as proxy, Proxy(url) as honest:
        chain = Endpoints([proxy.url, honest.url], chain_id=CHAIN_ID, evidence=kept, timeout_s=TIMEOUT_S)
        indexer(network, chain, engine).run_once()
        liar, other = chain.health()
    assert digest(engine) == clean
    assert (liar["state"], other["state"]) == ("quarantined", "ok")
    assert liar["evidence"]["url"] == proxy.url and liar["evidence"]["code"].startswith("CL-TRUST")
    assert kept.read_text().count("\n") == 1 and proxy.url in kept.read_text()


def test_all_nodes__lie__halts_with_a_clear_error(net: tuple[str, RealNetwork, str]) -> None:
    url, network, _ = net
    engine = open_engine("sqlite://")
    with Proxy(url, "log_missing") as one, Proxy(url, "log_altered") as two:
        chain = Endpoints([one.url, two.url], chain_id=CHAIN_ID, timeout_s=TIMEOUT_S)
        reader = indexer(network, chain, engine)
        with pytest.raises(TrustError):
            reader.run_once()
        with pytest.raises(LyingNodeError, match="every node") as said:
            reader.run_once()
        assert one.url in said.value.message and two.url in said.value.message


def test_nodes__one_away_one_behind_one_boasting__the_best_is_read(net: tuple[str, RealNetwork, str]) -> None:
    url, network, clean = net
    engine = open_engine("sqlite://")
    with Proxy(url) as gone:
        away = gone.url
    with Proxy(url, "stale_head") as behind, Proxy(url, "future_head") as boasting, Proxy(url) as good:
        chain = Endpoints([away, boasting.url, behind.url, good.url], chain_id=CHAIN_ID, timeout_s=TIMEOUT_S)
        indexer(network, chain, engine).run_once()
        health = {row["url"]: row for row in chain.health()}
    assert digest(engine) == clean
    assert health[away]["state"] == "away" and health[away]["errorRate"] == 1
    assert health[good.url]["state"] == "ok"
    assert health[boasting.url]["head"] - health[behind.url]["head"] == 1003 and health[behind.url]["lag"] > 0


def test_nodes__all_away__clear_error_names_them() -> None:
    chain = Endpoints(["http://127.0.0.1:9", "http://127.0.0.1:1"], chain_id=CHAIN_ID, timeout_s=TIMEOUT_S)
    with pytest.raises(UnavailableError, match=r"no node answers.*127\.0\.0\.1:9.*127\.0\.0\.1:1"):
        chain.head_number()


def test_node__fails_while_it_is_read__the_other_one_goes_on(net: tuple[str, RealNetwork, str]) -> None:
    url, network, clean = net
    engine = open_engine("sqlite://")
    with Proxy(url, "reset") as broken, Proxy(url) as good:
        chain = Endpoints([broken.url, good.url], chain_id=CHAIN_ID, timeout_s=TIMEOUT_S)
        indexer(network, chain, engine).run_once()
        assert broken.done > 0
        ours, other = chain.health(ask=False)
        assert ours["fault"] and ours["errorRate"] > 0
        assert (other["state"], other["fault"]) == ("ok", None)
    assert digest(engine) == clean


@pytest.mark.anvil
def test_node__serves_another_history_at_our_head__nothing_of_it_is_written(tmp_path: Path) -> None:
    clock = Clock()
    with anvil(timestamp_s=clock.now_s) as url, anvil(timestamp_s=clock.now_s) as other, Proxy(url) as proxy:
        network = RealNetwork(RpcChain(url, chain_id=CHAIN_ID), tmp_path / "a", clock)
        journey(network)
        twin = RealNetwork(RpcChain(other, chain_id=CHAIN_ID), tmp_path / "b", clock)  # same contracts, other blocks
        engine = open_engine("sqlite://")
        reader = indexer(network, RpcChain(proxy.url, chain_id=CHAIN_ID), engine)
        reader.run_once()
        before, count = digest(engine), events(engine)
        for _ in range(network.chain.head_number() - twin.chain.head_number() + 2):
            RpcChain(other)._get("evm_mine")
        proxy.upstream = other
        with pytest.raises(ForkError):
            reader.run_once()
        with engine.connect() as connection:
            kept: Any = connection.exec_driver_sql(f"SELECT count(*) FROM {Evidence.__tablename__}").scalar()
        assert kept == 1 and events(engine) == count
        assert before  # the evidence is a row more; every other table is as it was
