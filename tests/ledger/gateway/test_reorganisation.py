"""Real reorganisations, on anvil: a block that held a batch is replaced, and the batch gets in again, once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from indexer.source import Source
from ledger.chain.rpc import RpcChain
from ledger.gateway.finality import BlockReplacedError
from tests.chain_fixtures import CHAIN_ID, Clock, anvil
from tests.ledger.gateway.test_on_ledger import BOX, PORT, World, set_up, world

pytestmark = pytest.mark.anvil


@pytest.fixture
def net(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[World]:
    clock = Clock()
    with anvil(timestamp_s=clock.now_s) as url:
        chain = RpcChain(url, chain_id=CHAIN_ID)
        found = world(chain, set_up(chain), tmp_path, clock, confirmations=request.param, receipt_wait_s=2)
        yield found
        found.close()


def ask(net: World, method: str, *parameters: Any) -> Any:
    assert isinstance(net.chain, RpcChain)
    return net.chain._get(method, *parameters)


def arrive(net: World, label: str) -> None:
    net.submit("carrier", "ARRIVE", label, **{**BOX, "cl_consignment": label}, bizLocation=PORT)
    net.gateway.flush()


@pytest.mark.parametrize("net", [2], indirect=True)
def test_reorganisation__of_a_block_that_does_not_count_yet__the_batch_gets_in_again(net: World) -> None:
    before = ask(net, "evm_snapshot")
    arrive(net, "1")
    status = net.gateway.status("urn:1")
    first = net.chain.header(status.block_number or 0)
    assert (status.label, status.final) == ("submitted", False) and first is not None
    assert ask(net, "evm_revert", before)
    ask(net, "evm_mine")  # another block at that height, without the batch
    other = net.chain.header(first.number)
    assert other is not None and other.hash != first.hash
    net.gateway.flush()
    again = net.gateway.status("urn:1")
    assert (again.label, again.block_number) == ("submitted", first.number + 1)
    assert f"block {first.number} was replaced" in [step.note.partition(" by")[0] for step in again.history]
    for _ in range(2):
        ask(net, "evm_mine")
    assert [s.label for s in net.gateway.flush()] == ["recorded"]
    assert net.gateway.status("urn:1").block_number == first.number + 1


@pytest.mark.parametrize("net", [2], indirect=True)
def test_index__of_a_chain_that_needs_confirmations__reads_no_block_that_does_not_count(net: World) -> None:
    arrive(net, "1")
    included = net.gateway.status("urn:1").block_number or 0
    source = Source(net.chain, net.deployment, confirmations=2)
    assert source.head_number() == included - 2
    for _ in range(2):
        ask(net, "evm_mine")
    assert source.head_number() == included and [s.label for s in net.gateway.flush()] == ["recorded"]


@pytest.mark.parametrize("net", [2], indirect=True)
def test_reorganisation__several_batches_at_once__all_get_in_again_in_order(net: World) -> None:
    before = ask(net, "evm_snapshot")
    for label in ("1", "2"):
        arrive(net, label)
    assert ask(net, "evm_revert", before)
    ask(net, "evm_mine")
    net.gateway.flush()
    for _ in range(2):
        ask(net, "evm_mine")
    net.gateway.flush()
    found = [net.gateway.status(f"urn:{label}") for label in ("1", "2")]
    assert [status.label for status in found] == ["recorded"] * 2
    assert (found[0].block_number or 0) < (found[1].block_number or 0)


@pytest.mark.parametrize("net", [0], indirect=True)
def test_reorganisation__where_blocks_are_final__halts(net: World) -> None:
    before = ask(net, "evm_snapshot")
    arrive(net, "1")
    assert net.gateway.status("urn:1").label == "recorded"
    assert ask(net, "evm_revert", before)
    for _ in range(2):
        ask(net, "evm_mine")
    with pytest.raises(BlockReplacedError):
        arrive(net, "2")
    assert len(net.store.rows("SELECT * FROM fork_evidence")) == 1
