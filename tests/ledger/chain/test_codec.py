"""Call data and logs: what is encoded is read back, and what is damaged is not read."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from ledger.chain import codec, facts
from ledger.chain.abi_words import member
from ledger.chain.client import Log, Receipt
from ledger.chain.outcome_codec import OUTCOME_TYPES
from ledger.errors import InputError, TrustError
from ledger.events.model import ABI_EVENT, ABI_SIGNED_EVENT, CustodyEvent, Line
from ledger.vocabulary import Balance, Kind, LineRole, LineStatus, Origin, Outcome, Step, Thing, UnitStatus
from tests.chain_fixtures import outcome_data, outcome_topics

LEDGER, REGISTER, STRANGER = bytes([1]) * 20, bytes([2]) * 20, bytes([3]) * 20
UNIT, LINE_ID, EVENT_ID = b"\x11" * 32, b"\x22" * 32, b"\x33" * 32


@dataclass(frozen=True)
class Places:
    ledger: bytes = LEDGER
    participants: bytes = REGISTER
    manager: bytes = b"\x13" * 20


EVENT = CustodyEvent(
    kind=Kind.TRANSFORM, step=Step.REPACK, counterparty=4, facility=5, book=6, reference=b"\x44" * 32,
    lines=(Line(UNIT, bytes(32), Balance.WIP, 2**64 - 1, LineRole.INPUT),
           Line(LINE_ID, b"\x55" * 32, Balance.NONE, 7, LineRole.PRODUCT)),
    occurred_at_ms=1_767_225_600_123, deadline_s=2**64 - 1, nonce=9, commitment=b"\x66" * 32)


def log(signature: str, topics: list[bytes], types: list[str], values: list[object], address: bytes = LEDGER,
        index: int = 0) -> Log:
    return Log(address, (bytes(keccak(signature.encode())), *topics), encode(types, values), index)


def outcome_log(event: CustodyEvent = EVENT, code: int = 0) -> Log:
    return Log(LEDGER, outcome_topics(EVENT_ID), outcome_data(event, 8, STRANGER, code), 0)


words = st.binary(min_size=32, max_size=32)
lines = st.builds(
    Line, words, words, st.sampled_from(Balance), st.integers(0, 2**64 - 1), st.sampled_from(LineRole))
events = st.builds(
    CustodyEvent, st.sampled_from(Kind), st.lists(lines, max_size=4).map(tuple), st.sampled_from(Step),
    *[st.integers(0, 2**32 - 1)] * 3, words, *[st.integers(0, 2**64 - 1)] * 3, words)


@given(st.lists(st.tuples(events, st.binary(max_size=70), st.binary(max_size=99)), max_size=4))
def test_batch__encoded__is_read_back(batch: list[codec.SignedItem]) -> None:
    assert codec.decode_record(codec.encode_record(batch)) == batch


@given(events)
def test_event__encoded_as_witness__is_read_back(event: CustodyEvent) -> None:
    assert codec.decode_event(event.encoded()) == event


@given(st.lists(st.tuples(events, st.binary(max_size=70), st.binary(max_size=99)), max_size=4))
def test_encodings__written_out_by_hand__are_those_of_eth_abi(batch: list[codec.SignedItem]) -> None:
    by_library = encode([f"{ABI_SIGNED_EVENT}[]"], [[(event.abi(), sig, witness) for event, sig, witness in batch]])
    assert codec.encode_record(batch)[4:] == by_library
    for event, _, _ in batch:
        assert event.encoded() == encode([ABI_EVENT], [event.abi()])
        assert all(line.words() == encode(["bytes32", "bytes32", "uint8", "uint64", "uint8"], line.abi()) for line in event.lines)


def test_record__selector__is_that_of_the_contract() -> None:
    assert codec.encode_record([])[:4] == keccak(
        b"record(((uint8,uint16,(bytes32,bytes32,uint8,uint64,uint8)[],uint32,uint32,uint32,bytes32,uint64,uint64,"
        b"uint64,bytes32),bytes,bytes)[])")[:4]


def test_batch__quantity_beyond_64_bits__is_refused() -> None:
    with pytest.raises(InputError):
        codec.encode_record([(replace(EVENT, nonce=2**64), b"", b"")])


def test_call_data__of_another_function__is_distrusted() -> None:
    with pytest.raises(TrustError):
        codec.decode_record(b"\x00" * 4 + codec.encode_record([])[4:])


def test_call_data__cut_short__is_distrusted() -> None:
    with pytest.raises(TrustError):
        codec.decode_record(codec.encode_record([(EVENT, b"\x01" * 65, b"")])[:-40])


def test_outcomes__returned__are_codes_in_order() -> None:
    assert codec.decode_outcomes(encode(["uint16[]"], [[0, 303, 1]])) == [
        Outcome.RECORDED, Outcome.HELD, Outcome.PENDING]


def test_outcome_log__carries_the_event() -> None:
    assert codec.decode_log(outcome_log(code=303)) == facts.EventOutcome(
        0, EVENT_ID, 8, STRANGER, Outcome.HELD, EVENT)


def test_outcome_log__numbers_nobody_knows__are_kept_and_encode_again() -> None:
    odd = Line(UNIT, bytes(32), member(Balance, 99), 1, member(LineRole, 88))
    event = replace(EVENT, kind=member(Kind, 250), step=member(Step, 65_000), lines=(odd,))
    fact = codec.decode_log(outcome_log(event, 700))
    assert isinstance(fact, facts.EventOutcome)
    assert (fact.event.kind.name, int(fact.event.kind), fact.event.step.name) == ("UNKNOWN_250", 250, "UNKNOWN_65000")
    assert fact.event.abi() == event.abi()
    assert fact.event.lines[0].balance.name == "UNKNOWN_99"


def packed(act: int, content: bytes) -> Log:
    """A log EventOutcome with this content."""
    return Log(LEDGER, outcome_topics(EVENT_ID), encode(OUTCOME_TYPES, [act, bytes(32), content]), 0)


@given(events, st.integers(0, 2**32 - 1), st.sampled_from(Outcome))
def test_outcome_log__of_any_event__is_read_back(event: CustodyEvent, participant: int, outcome: Outcome) -> None:
    entry = Log(LEDGER, outcome_topics(EVENT_ID), outcome_data(event, participant, STRANGER, outcome), 3)
    assert codec.decode_log(entry) == facts.EventOutcome(3, EVENT_ID, participant, STRANGER, outcome, event)


micro = st.integers(0, 2**64 - 1)
balances = st.dictionaries(st.sampled_from(list(Balance)[1:5]), micro, min_size=1).map(lambda x: tuple(sorted(x.items())))


@given(events, st.data())
def test_outcome_log__that_tells_what_became_of_lots_and_line__is_read_back(event: CustodyEvent, data: st.DataObject) -> None:
    event = replace(event, lines=event.lines or (Line(UNIT),), reference=event.reference if any(event.reference) else UNIT)
    event = replace(event, lines=tuple(replace(line, unit=bytes([n]) * 32) for n, line in enumerate(event.lines)))
    told: list[facts.Told] = []
    loading = data.draw(st.booleans())
    if loading:
        amount = data.draw(micro)
        drawn = data.draw(st.booleans())
        told.append(facts.LineAmountChanged(3, event.reference, amount if drawn else None, None if drawn else amount))
    for line in event.lines:
        amounts = data.draw(balances)
        if loading:
            total = data.draw(micro)
            told.append(facts.AmountsChanged(3, line.unit, (*amounts, (Balance.LOADED, total))))
            told.append(facts.LoadedChanged(3, line.unit, event.reference, data.draw(st.sampled_from((total, total ^ 1)))))
        else:
            told.append(facts.AmountsChanged(3, line.unit, amounts))
    entry = Log(LEDGER, outcome_topics(EVENT_ID), outcome_data(event, 8, STRANGER, 0, told), 3)
    assert codec.decode_log(entry) == facts.EventOutcome(3, EVENT_ID, 8, STRANGER, Outcome.RECORDED, event, tuple(told))


ONE = b"\7" * 8
CITED = bytes(24) + LINE_ID  # act 1 << 40


@pytest.mark.parametrize(("act", "content"), [
    (0, UNIT + b"\4\1" + ONE), (0, UNIT + b"\4\x0f" + 4 * ONE), (1 << 40, UNIT + b"\4\x80" + ONE),
    (1 << 40, UNIT + b"\4\x61" + 3 * ONE), (1 << 40 | 1 << 44, ONE + UNIT + b"\4\x80" + ONE),
    (1 << 40 | 1 << 45, bytes(8) + UNIT + b"\4\x80" + bytes(8) + LINE_ID + b"\4\x80" + ONE)])
def test_outcome_log__that_tells_of_lots__is_read(act: int, content: bytes) -> None:
    found = codec.decode_log(packed(act, (CITED if act else bytes(24)) + content))
    assert isinstance(found, facts.EventOutcome) and found.told


@pytest.mark.parametrize(("act", "content"), [
    (0, UNIT + b"\4\0"), (0, UNIT + b"\4\1" + ONE[1:]), (0, UNIT + b"\4\x10" + ONE), (0, UNIT + b"\4\x80" + ONE),
    (1 << 40, UNIT + b"\4\xa0" + 2 * ONE), (1 << 40, UNIT + b"\4\x20" + ONE), (1 << 40, UNIT + b"\4\x40" + ONE),
    (303, UNIT + b"\4\1" + ONE), (1, UNIT + b"\4\1" + ONE), (0, UNIT + b"\4\1" + ONE + LINE_ID + b"\0"),
    (0, UNIT + b"\0" + LINE_ID + b"\4\1" + ONE), (1 << 40 | 1 << 44, ONE + UNIT + b"\0"), (1 << 44, ONE + UNIT + b"\4\1" + ONE),
    (1 << 40 | 3 << 44, ONE + UNIT + b"\4\1" + ONE), (1 << 40 | 1 << 46, ONE + UNIT + b"\4\1" + ONE)])
def test_outcome_log__that_tells_what_cannot_be__is_distrusted(act: int, content: bytes) -> None:
    with pytest.raises(TrustError):
        codec.decode_log(packed(act, (CITED if act >> 40 & 1 else bytes(24)) + content))


LINE = bytes(24) + UNIT


@pytest.mark.parametrize(("act", "content"), [
    (0, bytes(23)), (1 << 240, bytes(24)), (1 << 44, bytes(24)), (1 << 40, bytes(56)), (1 << 40, bytes(24) + UNIT[:31]),
    (1 << 41, bytes(28)), (1 << 42, bytes(28)), (1 << 43, bytes(28)), (1 << 43, bytes(27)),
    (0, LINE), (0, LINE + b"\4"), (0, LINE + b"\1" + bytes(10)), (0, LINE + b"\1" + b"\7" * 9),
    (0, LINE + b"\2" + bytes(32)), (0, LINE + b"\2" + b"\7" * 31), (0, LINE + b"\0\0")])
def test_outcome_log__that_the_ledger_would_not_write__is_distrusted(act: int, content: bytes) -> None:
    assert codec.decode_log(packed(15 << 40, bytes(24) + b"\7" * 44 + UNIT + b"\3" + b"\7" * 42 + UNIT + b"\0"))
    with pytest.raises(TrustError):
        codec.decode_log(packed(act, content))


def test_log__one_byte_short__is_distrusted() -> None:
    good = outcome_log()
    with pytest.raises(TrustError):
        codec.decode_log(replace(good, data=good.data[:-1]))


def test_log__a_topic_missing__is_distrusted() -> None:
    good = outcome_log()
    with pytest.raises(TrustError):
        codec.decode_log(replace(good, topics=good.topics[:-1]))


def test_log__of_another_contract__is_passed_over() -> None:
    receipt = Receipt(bytes(32), 0, 1, 1, 1, bytes(32), (replace(outcome_log(), address=STRANGER), outcome_log()), b"")
    assert codec.decode_logs(receipt, Places()) == [codec.decode_log(outcome_log())]


def test_log__of_no_kind_we_know__is_no_fact() -> None:
    assert codec.decode_log(log("RoleGuardianChanged(uint64,uint64)", [], [], [])) is None
    assert codec.decode_log(Log(LEDGER, (), b"", 0)) is None


def word(number: int) -> bytes:
    return number.to_bytes(32, "big")


@pytest.mark.parametrize(("entry", "expected"), [
    (log("EventNotTaken(bytes32,uint16)", [EVENT_ID], ["uint16"], [102]),
     facts.EventNotTaken(0, EVENT_ID, Outcome.NONCE_USED)),
    (log("UnitChanged(bytes32,uint256)", [UNIT], ["uint256"], [5]), facts.UnitChanged(0, UNIT, 5)),
    (log("InsideChanged(bytes32,bytes32)", [UNIT, LINE_ID], [], []), facts.InsideChanged(0, UNIT, LINE_ID)),
    (log("ContentsNotEligible(bytes32)", [UNIT], [], []), facts.ContentsNotEligible(0, UNIT)),
    (log("NormExceeded(bytes32,bytes32,uint256,uint256)", [EVENT_ID, UNIT], ["uint256"] * 2, [2**70, 2**71]),
     facts.NormExceeded(0, EVENT_ID, UNIT, 2**70, 2**71)),
    (log("LotCreated(bytes32,bytes32,bytes32,uint32,uint8,uint256,uint256)", [UNIT],
         ["bytes32", "bytes32", "uint32", "uint8", "uint256", "uint256"], [EVENT_ID, LINE_ID, 3, 1, 8, 9]),
     facts.LotCreated(0, UNIT, EVENT_ID, LINE_ID, 3, Origin.IMPORTED, 8, 9)),
    (log("LotChanged(bytes32,uint256,uint256)", [UNIT], ["uint256"] * 2, [2, 3]), facts.LotChanged(0, UNIT, 2, 3)),
    (log("LineDeclared(bytes32,bytes32,bytes32,bytes32)", [LINE_ID], ["bytes32"] * 3, [UNIT, bytes(32), EVENT_ID]),
     facts.LineDeclared(0, LINE_ID, UNIT, bytes(32), EVENT_ID)),
    (log("LineChanged(bytes32,uint256,uint256)", [LINE_ID], ["uint256"] * 2, [6, 7]),
     facts.LineChanged(0, LINE_ID, 6, 7)),
    (log("PendingEnded(bytes32)", [LINE_ID], [], []), facts.PendingEnded(0, LINE_ID)),
    (log("ParticipantAdmitted(uint32,uint16,uint8,bytes32)", [word(9)], ["uint16", "uint8", "bytes32"],
         [33, 255, UNIT]), facts.ParticipantAdmitted(0, 9, 33, 255, UNIT)),
    (log("RolesChanged(uint32,uint16)", [word(9)], ["uint16"], [4]), facts.RolesChanged(0, 9, 4)),
    (log("ParticipantSuspended(uint32)", [word(9)], [], []), facts.ParticipantSuspended(0, 9)),
    (log("ParticipantReinstated(uint32)", [word(9)], [], []), facts.ParticipantReinstated(0, 9)),
    (log("ReadingKeyChanged(uint32,bytes32)", [word(9)], ["bytes32"], [UNIT]), facts.ReadingKeyChanged(0, 9, UNIT)),
    (log("SignerAdded(address,uint32,uint64,uint64)", [bytes(12) + STRANGER, word(9)], ["uint64", "uint64"], [1, 2]),
     facts.SignerAdded(0, STRANGER, 9, 1, 2)),
    (log("SignerRevoked(address,uint32)", [bytes(12) + STRANGER, word(9)], [], []),
     facts.SignerRevoked(0, STRANGER, 9)),
    (log("SignerLimited(address,uint32)", [bytes(12) + STRANGER, word(9)], [], []), facts.SignerLimited(0, STRANGER, 9)),
    (log("ParticipantRecovered(uint32,uint8)", [word(9)], ["uint8"], [3]), facts.ParticipantRecovered(0, 9, 3)),
    (log("FacilityRolesSet(uint32,uint32,uint16)", [word(9), word(3)], ["uint16"], [32]),
     facts.FacilityRolesSet(0, 9, 3, 32)),
    (log("DeviceAdded(bytes32,uint32,uint32,uint64,uint64,uint64)", [UNIT, word(9)], ["uint32", "uint64", "uint64", "uint64"],
         [3, 4, 5, 6]), facts.DeviceAdded(0, UNIT, 9, 3, 4, 5, 6)),
    (log("DeviceCalibrated(bytes32,uint64)", [UNIT], ["uint64"], [7]), facts.DeviceCalibrated(0, UNIT, 7)),
    (log("DeviceRevoked(bytes32,uint32)", [UNIT, word(9)], [], []), facts.DeviceRevoked(0, UNIT, 9)),
    (log("SuccessorSet(address)", [bytes(12) + STRANGER], [], []), facts.SuccessorSet(0, STRANGER)),
    (log("FacilitySet(uint32,uint32,bool)", [word(3), word(9)], ["bool"], [True]), facts.FacilitySet(0, 3, 9, True)),
    (log("BookSet(uint32,uint32,uint8,uint8)", [word(3), word(9)], ["uint8", "uint8"], [1, 2]),
     facts.BookSet(0, 3, 9, 1, 2)),
    (log("PendingEnded(bytes32)", [EVENT_ID], [], []), facts.PendingEnded(0, EVENT_ID)),
    (log("OpeningClosed(uint32)", [word(3)], [], []), facts.OpeningClosed(0, 3)),
], ids=lambda value: type(value).__name__)
def test_log__of_each_kind__is_read(entry: Log, expected: codec.Fact) -> None:
    assert codec.decode_log(entry) == expected


def test_every_log_signature__has_a_case_above() -> None:
    assert len(codec.LOG_SIGNATURES) == 28


def test_unit_word__fields_at_their_bits__are_read() -> None:
    packed = (2 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 7 | 0x8001 << 8 | 0xABCDEF << 24 | 0x123456 << 48 | 0xFEDCBA << 72
              | 0xFFFFFFFFFE << 96 | 3 << 136 | 2 << 152 | 1 << 168 | int.from_bytes(b"offer tag", "big") << 184)
    assert codec.unpack_unit_state(packed) == facts.UnitState(
        Thing.CARGO, UnitStatus.SUPERVISED, True, True, True, 0x8001, 0xABCDEF, 0x123456, 0xFEDCBA, 0xFFFFFFFFFE, 3, 2, 1,
        b"offer tag")


def test_offer__at_its_expiry__still_stands_and_a_second_later_not() -> None:
    state = codec.unpack_unit_state(1 | 7 << 72 | 100 << 96)
    assert state.open_offer(100)
    assert not state.open_offer(101)
    assert not codec.unpack_unit_state(1 | 100 << 96).open_offer(50)


def test_lot_words__four_and_two__are_read() -> None:
    top = 2**64 - 1
    balances = codec.unpack_balances(1 | 2 << 64 | 3 << 128 | top << 192, 5 | 6 << 64)
    assert balances == facts.LotBalances(1, 2, 3, top, 5, 6)
    assert [balances.of(b) for b in Balance if b] == [1, 2, 3, top, 5, 6]


def test_line_words__are_read() -> None:
    assert codec.unpack_line_state(9 | 12 << 32 | 2 << 40 | 4 << 48) == facts.LineState(
        9, LineRole.EXPORT, LineStatus.CLEARED, 4)
    assert codec.unpack_line_amounts(1 | 2 << 64 | 3 << 128 | 4 << 192) == facts.LineAmounts(1, 2, 3, 4)
