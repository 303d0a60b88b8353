"""One bad event never costs the batch, whatever bytes come with it; and only a gateway may send one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from eth_abi import encode
from hypothesis import given
from hypothesis import strategies as st

from contracts.artifacts import LIBRARIES, load
from ledger.events.model import ABI_EVENT, CustodyEvent, event_id
from ledger.vocabulary import Balance, Kind, LineRole, Outcome
from tests.contracts.evm import AUTHORITY, Evm, Reverted, selector
from tests.contracts.world import (
    AT_TERMINAL,
    BOOK,
    CARRIER,
    CUSTOMS,
    FACTORY,
    TERMINAL,
    World,
    address_of,
    key_of,
    ln,
    sign,
    uid,
)


def signed(world: World, key: int, event: CustodyEvent, witness: bytes = b"") -> tuple[CustodyEvent, bytes, bytes]:
    return event, sign(key_of(key), event_id(event, world.separator)), witness


def test_batch__poison_between_good_events__each_has_its_own_outcome(world: World) -> None:
    box = ln("box", LineRole.CONTAINER)
    arrive = world.event(Kind.ARRIVE, box, facility=AT_TERMINAL)
    again = world.event(Kind.ARRIVE, box, facility=AT_TERMINAL)
    approve = world.event(Kind.APPROVE, reference=uid("nothing"))
    observe = world.event(Kind.OBSERVE, ln("box"))
    many = CustodyEvent(Kind.OBSERVE, tuple(ln(i.to_bytes(32, "big")) for i in range(1, 1001)), nonce=10**6,
                        occurred_at_ms=0, deadline_s=2**40)
    batch = [
        signed(world, CARRIER, arrive),
        (observe, b"\x00", b"\xff" * 999),
        signed(world, 77, observe),
        signed(world, CARRIER, again),
        signed(world, CUSTOMS, approve, b"\xff" * 1000),
        signed(world, CARRIER, many),
        signed(world, CARRIER, arrive),
        signed(world, CARRIER, observe, b"a witness that nobody asked for"),
    ]
    codes, logs = world.evm.record(batch)
    assert [Outcome(x).name for x in codes] == [
        "RECORDED", "BAD_SIGNATURE", "UNKNOWN_SIGNER", "UNIT_EXISTS", "WITNESS_MISMATCH", "TOO_MANY_LINES", "NONCE_USED",
        "RECORDED"]
    spoken = [x for x in logs if x.name in ("EventOutcome", "EventNotTaken")]
    assert [x.values["act"] & 0xFFFF if x.name == "EventOutcome" else x.values["code"] for x in spoken] == codes


def test_batch__empty__is_recorded_as_nothing(world: World) -> None:
    assert world.evm.record([]) == ([], [])


def test_batch__more_keys_than_are_cached__are_all_known(world: World) -> None:
    for number in range(100, 140):
        world.add_key(number, CARRIER)
    events = [(number, world.event(Kind.OBSERVE)) for number in [*range(100, 140), *range(139, 99, -1)]]
    codes, logs = world.evm.record([signed(world, key, event) for key, event in events])
    assert set(codes) == {Outcome.RECORDED}
    assert [(x.values["act"] >> 80).to_bytes(20, "big") for x in logs] == [address_of(key_of(k)) for k, _ in events]


def test_batch__two_keys_in_turn_and_nonces_of_many_words__each_nonce_counts_once_for_its_key(world: World) -> None:
    order = [255, 256, 0, 255, 2**64 - 1, 256, 511, 512, 1, 0, 2**64 - 1, 2**63]
    sent = [(key, nonce) for nonce in order for key in (CARRIER, TERMINAL)]
    events = [(key, world.event(Kind.OBSERVE, nonce=nonce, commitment=uid(f"{n}"))) for n, (key, nonce) in enumerate(sent)]
    codes, _ = world.evm.record([signed(world, key, event) for key, event in events])
    assert codes == [Outcome.NONCE_USED if pair in sent[:n] else Outcome.RECORDED for n, pair in enumerate(sent)]
    ledger = world.evm.ledger
    for key in (CARRIER, TERMINAL):
        for nonce in (*order, 2, 254, 257, 510, 2**63 + 1):
            used = world.evm.view(ledger, "nonceUsed(address,uint64)", "bool", address_of(key_of(key)), nonce)
            assert used is (nonce in order), nonce


def test_batch__a_load_after_a_hold_in_the_same_batch__is_refused(world: World) -> None:
    w = world
    w.opened("lot", 100, Balance.FINISHED, "shirt")
    w.declared("B11", LineRole.EXPORT, 100, "shirt")
    load = [w.event(Kind.EXPORT_LOAD, ln("lot", q=q, balance=Balance.FINISHED), reference=uid("B11")) for q in range(1, 8)]
    hold, free = ([w.event(kind, ln(x)) for x in ("lot", "B11")] for kind in (Kind.HOLD, Kind.UNHOLD))
    codes, _ = w.evm.record([signed(w, key, event) for key, event in (
        (FACTORY, load[0]), (CUSTOMS, hold[0]), (FACTORY, load[1]), (CUSTOMS, free[0]), (FACTORY, load[2]),
        (CUSTOMS, hold[1]), (FACTORY, load[3]), (CUSTOMS, free[1]), (FACTORY, load[4]), (CARRIER, load[5]))])
    assert [Outcome(x).name for x in codes] == [
        "RECORDED", "RECORDED", "HELD", "RECORDED", "RECORDED", "RECORDED", "HELD", "RECORDED", "RECORDED", "NOT_OWNER"]
    assert w.evm.view(w.evm.ledger, "loadedOf(bytes32,bytes32)", "uint64", uid("lot"), uid("B11")) == 1 + 3 + 5


def test_record__sent_by_who_is_no_gateway__reverts(world: World) -> None:
    with pytest.raises(Reverted) as fault:
        world.evm.record([signed(world, CARRIER, world.event(Kind.OBSERVE))], sender=AUTHORITY)
    assert fault.value.data == selector("AccessManagedUnauthorized(address)") + encode(["address"], [AUTHORITY])


@pytest.mark.parametrize("name", LIBRARIES)
def test_library__called_directly__reverts(world: World, name: str) -> None:
    with pytest.raises(Reverted):
        world.evm.send(world.evm.libraries[name], bytes(4) + bytes(2000), AUTHORITY)


def test_ledger__register_without_code__is_refused_at_deployment() -> None:
    evm = Evm()
    code = load("CustodyLedger").linked(evm.libraries)
    with pytest.raises(Reverted) as fault:
        evm._create(code + encode(["address", "address"], [evm.manager, AUTHORITY]))
    assert fault.value.data[:4] == selector("CustodyLedgerNoParticipants(address)")


# ---- hostile witnesses

@pytest.fixture(scope="module")
def pending(_world: World) -> Iterator[tuple[World, CustodyEvent, bytes, CustodyEvent, bytes]]:
    """A pending opening and a recorded observation, for witnesses to be about."""
    mark = _world.snapshot()
    opening = _world.event(
        Kind.OPENING, ln("hostile lot", LineRole.OWN, q=5, balance=Balance.RAW, material="x"), book=BOOK)
    assert _world.record(FACTORY, opening) is Outcome.PENDING
    opening_id = _world.last_id
    seen = _world.event(Kind.OBSERVE, ln("hostile box", q=3), ln("other box"))
    assert _world.record(TERMINAL, seen) is Outcome.RECORDED
    yield _world, opening, opening_id, seen, _world.last_id
    _world.revert(mark)


def mutated(data: st.DataObject, good: bytes) -> bytes:
    """A witness with some bytes changed, cut off, put in or appended."""
    raw = bytearray(good)
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(raw)))
        match data.draw(st.integers(0, 4)):
            case 0 if place < len(raw):
                raw[place] ^= data.draw(st.integers(1, 255))
            case 1:
                del raw[place:]
            case 2:
                raw[place:place] = data.draw(st.binary(min_size=1, max_size=64))
            case 3:
                word = place // 32 * 32
                raw[word:word + 32] = data.draw(st.sampled_from([
                    bytes(32), b"\xff" * 32, (2**64).to_bytes(32, "big"), len(raw).to_bytes(32, "big"),
                    (65).to_bytes(32, "big"), (2**255).to_bytes(32, "big")]))
            case _:
                raw += data.draw(st.binary(min_size=1, max_size=64))
    return bytes(raw)


@given(data=st.data())
def test_approve__mangled_witness__is_refused_and_costs_nobody_else(
    pending: tuple[World, CustodyEvent, bytes, CustodyEvent, bytes], data: st.DataObject,
) -> None:
    world, opening, opening_id, _, _ = pending
    witness = mutated(data, opening.encoded()) if data.draw(st.booleans()) else data.draw(st.binary(max_size=700))
    approve = world.event(Kind.APPROVE, reference=opening_id)
    if witness == opening.encoded():
        return
    codes, _ = world.evm.record([
        signed(world, CUSTOMS, approve, witness), signed(world, CARRIER, world.event(Kind.OBSERVE))])
    assert codes == [Outcome.WITNESS_MISMATCH, Outcome.RECORDED]


@given(data=st.data())
def test_correct__mangled_witness__is_refused_and_costs_nobody_else(
    pending: tuple[World, CustodyEvent, bytes, CustodyEvent, bytes], data: st.DataObject,
) -> None:
    world, _, _, seen, seen_id = pending
    good = encode([ABI_EVENT, "bytes"], [seen.abi(), sign(key_of(TERMINAL), seen_id)])
    witness = mutated(data, good) if data.draw(st.booleans()) else data.draw(st.binary(max_size=900))
    correct = world.event(Kind.CORRECT, reference=seen_id)
    codes, _ = world.evm.record([
        signed(world, TERMINAL, correct, witness), signed(world, CARRIER, world.event(Kind.OBSERVE))])
    # Only what is padding after the signature may differ without consequence.
    same = witness[:-31] == good[:-31] and len(witness) == len(good)
    assert codes[0] == (Outcome.RECORDED if same else Outcome.WITNESS_MISMATCH)
    assert codes[1] == Outcome.RECORDED


@given(signature=st.binary(max_size=130))
def test_observe__any_bytes_as_signature__cost_nobody_else(_world: World, signature: bytes) -> None:
    codes, _ = _world.evm.record([
        (_world.event(Kind.OBSERVE), signature, b""), signed(_world, CARRIER, _world.event(Kind.OBSERVE))])
    assert codes[0] in (Outcome.BAD_SIGNATURE, Outcome.UNKNOWN_SIGNER)
    assert codes[1] == Outcome.RECORDED
