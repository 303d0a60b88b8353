"""No field of a payload becomes a row before commitment, poster and signed lines are checked; late ones are read later."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from eth_hash.auto import keccak
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session

import indexer.desk as desk_module
import indexer.opening as opening_module
from indexer.database import open_engine
from indexer.digest import digest
from indexer.queries import may_read
from ledger.errors import InputError, TooLargeError
from ledger.events.model import CustodyEvent
from ledger.keys.sealing import open_sealed, seal, with_reader
from ledger.proofs.commitment import commit
from ledger.vocabulary import Kind, Outcome
from tests.indexer.helpers import dump, fetch, indexed, make_indexer, statuses
from tests.indexer.story import (
    BOX,
    START_S,
    Entry,
    Story,
    box_unit,
    draws,
    full_story,
    grant,
    lot_line,
    lot_list,
    lot_unit,
    reading_key,
)


@pytest.fixture
def story() -> Story:
    return full_story()


def entry_of(story: Story, kind: Kind, place: int = 0) -> Entry:
    return [e for e in story.entries if e.event is not None and e.event.kind is kind][place]


def commitment_of(entry: Entry) -> bytes:
    assert entry.event is not None
    return entry.event.commitment


def fault_of(engine: Engine, entry: Entry) -> tuple[Any, ...]:
    return fetch(engine, "SELECT status, fault, document IS NOT NULL FROM payload WHERE event_id=?", "0x" + entry.id.hex())[0]


def reseal(story: Story, entry: Entry, event: dict[str, Any] | None = None, *, secret: bytes | None = None,
           submitter: str | None = None) -> None:
    """Other content under the same commitment, as a dishonest store or poster would keep it."""
    commitment = commitment_of(entry)
    opened = open_sealed(story.payloads.kept[commitment], reading_key(1))
    story.payloads.kept[commitment] = seal(
        event or opened.event, secret=secret or opened.secret, submitter=submitter or opened.submitter,
        commitment=commitment, readers={1: reading_key(1).public})


# withheld


def test_payload__no_store_has_it__withheld_and_nothing_else_waits(story: Story) -> None:
    lost = entry_of(story, Kind.COUNT)
    story.payloads.hidden.add(commitment_of(lost))
    engine = indexed(story)
    assert fault_of(engine, lost) == ("withheld", None, 0)
    assert fetch(engine, "SELECT count(*) FROM count_entry") == [(0,)]
    assert list(statuses(engine).values()).count("withheld") == 2


@pytest.mark.parametrize("fault", [InputError("no payload"), TooLargeError("too long"), json.JSONDecodeError("", "{", 1), KeyError("sealed")])
def test_payload__store_gives_what_is_none__withheld_and_the_others_read(story: Story, fault: Exception) -> None:
    """A row of the store that was half written, or that somebody wrote over."""
    spoilt, plain = commitment_of(entry_of(story, Kind.COUNT)), story.payloads.get

    def get(commitment: bytes) -> Any:
        if commitment == spoilt:
            raise fault
        return plain(commitment)

    story.payloads.get = get  # type: ignore[method-assign]
    engine = open_engine("sqlite://")
    indexer = make_indexer(story, story.chain(), engine)
    indexer.run_once()
    assert fault_of(engine, entry_of(story, Kind.COUNT)) == ("withheld", None, 0)
    assert list(statuses(engine).values()).count("withheld") == 2
    story.payloads.get = plain  # type: ignore[method-assign]
    indexer.run_once()
    assert dump(engine) == dump(indexed(story))


def test_payload__given_later__read_then_and_equal_to_a_rebuild(story: Story) -> None:
    everything = {e.event.commitment for e in story.entries if e.event is not None}
    story.payloads.hidden = set(everything)
    engine = open_engine("sqlite://")
    indexer = make_indexer(story, story.chain(), engine)
    indexer.run_once()
    assert set(statuses(engine).values()) == {"withheld"}
    for hidden in ({commitment_of(entry_of(story, Kind.ARRIVE)), commitment_of(entry_of(story, Kind.OFFER))}, set()):
        story.payloads.hidden = hidden
        indexer.run_once()
    assert dump(engine) == dump(indexed(story))


@settings(max_examples=6)
@given(st.lists(st.integers(0, 21), unique=True, min_size=21, max_size=22), st.integers(0, 22))
def test_payload__given_in_any_order__equal_to_a_rebuild(order: list[int], first: int) -> None:
    events = [e.event for e in STORY.entries if e.event is not None]
    commitments = [events[i].commitment for i in order]
    STORY.payloads.hidden = set(commitments[first:])
    engine = open_engine("sqlite://")
    indexer = make_indexer(STORY, STORY.chain(), engine)
    indexer.run_once()
    for start in range(first, 22, 5):
        STORY.payloads.hidden = set(commitments[start + 5:])
        indexer.run_once()
    STORY.payloads.hidden = set()
    indexer.run_once()
    assert dump(engine) == EXPECTED


def test_payload__many_lost__asked_for_in_shares_in_turn(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening_module, "RETRY_MAX", 5)
    everything = {e.event.commitment for e in story.entries if e.event is not None}
    story.payloads.hidden = set(everything)
    indexer = make_indexer(story, story.chain())
    indexer.run_once()
    asked = []
    for _ in range(5):
        story.payloads.asked = []
        indexer.run_once()
        asked.append(len(story.payloads.asked))
        everything -= set(story.payloads.asked)
    assert asked == [5, 5, 5, 5, 2]
    assert not everything


def test_payload__store_loses_what_it_gave__stays_read(story: Story) -> None:
    engine = indexed(story)
    before = dump(engine)
    story.payloads.hidden = {e.event.commitment for e in story.entries if e.event is not None}
    make_indexer(story, story.chain(), engine, keys=(1, 2)).run_once()
    now, then = ([row for row in text.splitlines() if not row.startswith("[1,7,")] for text in (dump(engine), before))
    assert now == then  # but for the cursor, which names the keys


# sealed


def test_payload__no_key_of_ours__sealed_and_no_names(story: Story) -> None:
    engine = indexed(story, keys=())
    assert set(statuses(engine).values()) == {"sealed", "withheld"}
    for table in ("unit_name", "material", "declaration_line", "norm", "count_entry"):
        assert fetch(engine, f"SELECT count(*) FROM {table}") == [(0,)]
    assert fetch(engine, "SELECT count(*) FROM payload_reader")[0][0] > 20


def test_payload__key_of_one_reader__opens_its_own_only(story: Story) -> None:
    story.payloads.given.clear()
    engine = indexed(story, keys=(3,))
    readable = {k for k, v in statuses(engine).items() if v == "open"}
    assert readable == {"3 GATE_OUT", "5 OFFER", "6 ACCEPT", "20 CORRECT", "7 OBSERVE"}


def test_payload__key_added_later__read_then_and_equal_to_a_rebuild(story: Story) -> None:
    engine = indexed(story, keys=(3,))
    make_indexer(story, story.chain(), engine, keys=(3, 1)).run_once()
    assert dump(engine) == dump(indexed(story, keys=(3, 1)))


@pytest.mark.parametrize("change", ["enterprise key added", "enterprise key taken away", "reading key taken away", "directory"])
def test_payload__open_already_when_keys_or_names_change__read_again_and_equal_to_a_rebuild(story: Story, change: str) -> None:
    """What an open payload says depends on them too: which material an id stands for, whose word counts."""
    before: dict[str, Any] = {"enterprise_keys": {}} if change == "enterprise key added" else {}
    after: dict[str, Any] = {"enterprise_keys": {}} if change == "enterprise key taken away" else \
        {"keys": (3,)} if change == "reading key taken away" else {}
    engine = indexed(story, **before)
    then = dump(engine)
    if change == "directory":
        story.directory = replace(story.directory, books=[])
    make_indexer(story, story.chain(), engine, **after).run_once()
    assert dump(engine) == dump(indexed(story, **after)) != then


def test_payload__many_open_when_keys_change__read_again_in_shares(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening_module, "REREAD_MAX", 5)
    engine = indexed(story, enterprise_keys={})
    indexer, there = make_indexer(story, story.chain(), engine), dump(indexed(story))
    runs = 0
    while dump(engine) != there:
        story.payloads.asked = []
        indexer.run_once()
        runs += 1
        assert len(story.payloads.asked) <= 1, "what is open is read from where it is"
        assert runs < 9
    assert runs == 5  # 22 open ones, five at a time


# mismatch


def test_payload__ciphertext_changed__mismatch_asked_for_again(story: Story) -> None:
    bad = entry_of(story, Kind.COUNT)
    good = story.payloads.kept[commitment_of(bad)]
    story.payloads.kept[commitment_of(bad)] = replace(good, ciphertext=good.ciphertext[:-1] + bytes([good.ciphertext[-1] ^ 1]))
    engine = open_engine("sqlite://")
    indexer = make_indexer(story, story.chain(), engine)
    indexer.run_once()
    status, fault, document = fault_of(engine, bad)
    assert (status, fault.split(":")[0], document) == ("mismatch", "NOT_OPENED", 0)
    story.payloads.kept[commitment_of(bad)] = good
    indexer.run_once()
    assert dump(engine) == dump(indexed(story))


def test_payload__of_another_commitment__mismatch(story: Story) -> None:
    bad, other = entry_of(story, Kind.COUNT), entry_of(story, Kind.HOLD)
    story.payloads.kept[commitment_of(bad)] = story.payloads.kept[commitment_of(other)]
    engine = indexed(story)
    assert fault_of(engine, bad)[:2] == ("mismatch", "NOT_OPENED: the store gave the payload of another commitment.")
    assert fetch(engine, "SELECT count(*) FROM payload_reader WHERE event_id=?", "0x" + bad.id.hex()) == [(0,)]


@pytest.mark.parametrize("what", ["event", "secret", "submitter"])
def test_payload__other_content_than_committed__nothing_of_it_kept(story: Story, what: str) -> None:
    bad = entry_of(story, Kind.COUNT)
    document = {**story.documents["https://mill.example/count"], "cl:counts": [
        {"at": "2026-12-31", "stock": "material", "code": "FAB", "lot": "L1", "quantity": 11, "uom": "MTR"}]}
    reseal(story, bad, document if what == "event" else None, secret=bytes(32) if what == "secret" else None,
           submitter="carrier" if what == "submitter" else None)
    engine = indexed(story)
    status, fault, kept = fault_of(engine, bad)
    assert (status, fault.split(":")[0], kept) == ("mismatch", "NOT_COMMITTED", 0)
    assert fetch(engine, "SELECT count(*) FROM payload_reader WHERE event_id=?", "0x" + bad.id.hex()) == [(0,)]
    assert fetch(engine, "SELECT count(*) FROM count_entry") == [(0,)]
    assert fetch(engine, "SELECT epcis_event_id FROM payload WHERE event_id=?", "0x" + bad.id.hex()) == [(None,)]


def test_payload__commitment_of_another_participant_signed__not_poster(story: Story) -> None:
    copied = replace(entry_of(story, Kind.COUNT).event, nonce=777)
    story.add(2, copied, Outcome.ROLE_MISSING)
    engine = indexed(story)
    assert statuses(engine)["23 COUNT"] == "mismatch NOT_POSTER"
    assert fetch(engine, "SELECT count(*) FROM count_entry") == [(2,)]


def test_payload__commitment_copied_from_another__its_content_is_not_shown_to_who_copied_it(story: Story) -> None:
    copied = replace(entry_of(story, Kind.COUNT).event, kind=Kind.OBSERVE, lines=(), nonce=778)
    story.add(2, copied, Outcome.RECORDED)
    thief = story.entries[-1]
    engine = indexed(story, keys=())  # sealed: whose it is is not known yet
    for now in (engine, indexed(story)):
        make_indexer(story, story.chain(), now).run_once()
        status, fault, document = fault_of(now, thief)
        assert (status, fault.split(":")[0], document) == ("mismatch", "NOT_POSTER", 0)
        assert fetch(now, "SELECT count(*) FROM payload_reader WHERE event_id=?", "0x" + thief.id.hex()) == [(0,)]
        assert fault_of(now, entry_of(story, Kind.COUNT)) == ("open", None, 1)
        assert dump(now) == dump(indexed(story))


@pytest.mark.parametrize(("changes", "named"), [
    ({"counterparty": 1}, "counterparty: signed 1, content says 0"),
    ({"facility": 2}, "facility: signed 2, content says 0"),
    ({"book": 0}, "book: signed 0, content says 1"),
    ({"kind": Kind.SELL_INLAND}, "kind: signed SELL_INLAND, content says RECEIVE_FACTORY"),
    ({"occurred_at_ms": 5}, "occurred_at_ms: signed 5"),
    ({"reference": b"\x09" * 32}, "reference: signed 0x0909"),
    ({"lines": ()}, "lines: signed 0, content says 1"),
    ({"quantity_micro": 900_000_000}, "line 0 quantity_micro: signed 900000000, content says 800500000"),
    ({"material": b"\x08" * 32}, "line 0 material: signed 0x0808"),
    ({"unit": b"\x07" * 32}, "line 0 unit: signed 0x0707"),
])
def test_payload__says_something_else_than_was_signed__named_and_no_rows(story: Story, changes: dict[str, Any], named: str) -> None:
    document = story.document(4, Kind.RECEIVE_FACTORY, "second", quantityList=lot_list("L2", Decimal("800.5")), **{
        "cl:book": "mill-book", "cl:lines": lot_line("L2"),
        "bizTransactionList": [{"type": "urn:cargoledger:btt:declaration-line", "bizTransaction": "urn:cargoledger:line:D1:1"}]})
    event = story.signed(4, document)
    fields = {k: v for k, v in changes.items() if k in CustodyEvent.__dataclass_fields__}
    if len(fields) < len(changes):
        fields["lines"] = (replace(event.lines[0], **changes),)
    story.add(4, replace(event, **fields), Outcome.RECORDED)
    engine = indexed(story)
    [(status, fault)] = fetch(engine, "SELECT p.status, p.fault FROM payload p JOIN event e USING (event_id) WHERE e.seq=23")
    assert status == "mismatch"
    assert fault.startswith("NOT_SIGNED: ")
    assert named in fault
    assert fetch(engine, "SELECT count(*) FROM unit_name WHERE number='L2'") == [(0,)]


def test_payload__same_as_signed__rows(story: Story) -> None:
    engine = indexed(story)
    assert fetch(engine, "SELECT scope, number FROM unit_name WHERE unit=?", "0x" + lot_unit("L1").hex()) == [("mill", "L1")]
    assert fetch(engine, "SELECT declaration, line, quantity_micro, duty_rate, value FROM declaration_line d JOIN event e "
                         "USING (event_id) ORDER BY e.seq") == [
        ("D1", "1", 900_000_000, "12", "12.5"), ("D1", "1", 1_000_000_000, "12", "12.5"), ("X1", "1", 10_000_000, "12", "12.5")]
    assert fetch(engine, "SELECT material, norm, loss_rate, book FROM norm ORDER BY position") == [
        ("FAB", "1.6", "0.03", "mill-book"), ("BUT", "4", "0", "mill-book")]
    assert fetch(engine, "SELECT stock, code, quantity_micro, place FROM count_entry ORDER BY position") == [
        ("material", "FAB", 10_000_000, "A"), ("scrap", "SCR", 500_000, "")]


def test_payload__document__has_the_digits_that_were_committed(story: Story) -> None:
    engine = indexed(story)
    [(document,)] = fetch(engine, "SELECT document FROM payload WHERE epcis_event_id LIKE '%/norm'")
    assert '"norm": 1.60' in document


def test_payload__refused_declaration__names_but_no_declaration_row(story: Story) -> None:
    from tests.indexer.story import declaration

    event = story.signed(4, story.document(4, Kind.DECLARE, "refused", **declaration("D9", "1", "RECEIVE", "FAB", 1)))
    story.add(4, event, Outcome.ROLE_MISSING)
    engine = indexed(story)
    assert statuses(engine)["23 DECLARE"] == "open"
    assert fetch(engine, "SELECT count(*) FROM declaration_line WHERE declaration='D9'") == [(0,)]
    assert fetch(engine, "SELECT count(*) FROM unit_name WHERE scope='D9'") == [(1,)]


def test_payload__place_unknown_here__not_readable_until_the_directory_has_it(story: Story) -> None:
    entry = story.directory.facilities.pop(0)
    engine = indexed(story)
    assert statuses(engine)["1 ARRIVE"] == "mismatch NOT_READABLE"
    story.directory.add(entry)
    make_indexer(story, story.chain(), engine).run_once()
    assert dump(engine) == dump(indexed(story))


def test_payload__content_that_breaks_the_reader__does_not_stop_the_index(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    import indexer.payloads as payloads_module

    def broken(*_: object) -> None:
        raise RecursionError("nested")

    monkeypatch.setattr(payloads_module, "interpret", broken)
    assert set(statuses(indexed(story)).values()) == {"mismatch NOT_READABLE", "withheld"}


# what refers to something not read yet


def test_payload__refers_to_an_event_not_read_yet__checked_when_it_is(story: Story) -> None:
    """An ACCEPT whose content names another offer than it signs is found out when that offer's payload comes."""
    other = story.document(2, Kind.OBSERVE, "other-offer", epcList=[BOX], **{"cl:consignment": "BL-1"})
    other_id = story.post(2, other, Outcome.RECORDED, readers=(3,))
    accept = story.document(3, Kind.OBSERVE, "refers", epcList=[BOX], **{
        "cl:consignment": "BL-1", "cl:reference": other["eventID"]})
    signed = story.signed(3, accept)
    assert signed.reference == other_id
    lie = replace(signed, reference=entry_of(story, Kind.OFFER).id)
    story.add(3, lie, Outcome.RECORDED)
    hidden = next(e for e in story.entries if e.id == other_id)
    story.payloads.hidden.add(commitment_of(hidden))
    engine = open_engine("sqlite://")
    indexer = make_indexer(story, story.chain(), engine)
    indexer.run_once()
    assert fetch(engine, "SELECT status, missing FROM payload p JOIN event e USING (event_id) WHERE seq=24") == [
        ("open", f"event:{other['eventID']}")]
    story.payloads.hidden.clear()
    indexer.run_once()
    assert statuses(engine)["24 OBSERVE"] == "mismatch NOT_SIGNED"
    assert dump(engine) == dump(indexed(story))


def test_payload__container_without_consignment__read_once_its_arrival_is(story: Story) -> None:
    named = [e for e in story.entries if e.event is not None and any(x.unit == box_unit() for x in e.event.lines)
             and e.event.kind not in (Kind.OBSERVE, Kind.CORRECT)]
    story.payloads.hidden = {commitment_of(e) for e in named}
    engine = open_engine("sqlite://")
    indexer = make_indexer(story, story.chain(), engine)
    indexer.run_once()
    assert [statuses(engine)[k] for k in ("7 OBSERVE", "20 CORRECT")] == ["mismatch NOT_SIGNED", "mismatch NOT_READABLE"]
    story.payloads.hidden = set()
    indexer.run_once()
    assert {statuses(engine)[k] for k in ("7 OBSERVE", "20 CORRECT")} == {"open"}
    assert dump(engine) == dump(indexed(story))


# one content under one eventID


def clash(story: Story) -> tuple[Entry, Entry]:
    """Two posts of different content under one eventID."""
    entries = []
    for quantity in (1, 2):
        document = story.document(4, Kind.COUNT, "twice", epcList=[], **{"cl:book": "mill-book", "cl:counts": [
            {"at": "2026-12-31", "stock": "material", "code": f"C{quantity}", "lot": "", "quantity": quantity, "uom": "MTR"}]})
        story.add(4, story.signed(4, document), Outcome.RECORDED)
        entries.append(story.entries[-1])
    return entries[0], entries[1]


def test_event_id__second_content_under_it__first_keeps_it(story: Story) -> None:
    clash(story)
    engine = indexed(story)
    assert [statuses(engine)[f"{n} COUNT"] for n in (23, 24)] == ["open", "mismatch ID_TAKEN"]
    assert ("C1",) in fetch(engine, "SELECT code FROM count_entry")
    assert ("C2",) not in fetch(engine, "SELECT code FROM count_entry")


def test_event_id__used_by_another_first__neither_loses_its_content(story: Story) -> None:
    squat = story.document(2, Kind.OBSERVE, "theirs", epcList=[BOX], **{"cl:consignment": "BL-1"})
    squat["eventID"] = "https://mill.example/twice"
    story.add(2, story.signed(2, squat), Outcome.RECORDED)
    document = story.document(4, Kind.COUNT, "twice", epcList=[], **{"cl:book": "mill-book", "cl:counts": [
        {"at": "2026-12-31", "stock": "material", "code": "C1", "lot": "", "quantity": 1, "uom": "MTR"}]})
    document["eventID"] = squat["eventID"]
    story.add(4, story.signed(4, document), Outcome.RECORDED)
    engine = indexed(story)
    assert [statuses(engine)[k] for k in ("23 OBSERVE", "24 COUNT")] == ["open", "open"]
    assert ("C1",) in fetch(engine, "SELECT code FROM count_entry")


def test_event_id__of_a_sealed_event_used_by_another__what_refers_to_it_stays_open(story: Story) -> None:
    offer = entry_of(story, Kind.OFFER)
    squat = story.document(3, Kind.OBSERVE, "theirs", epcList=[BOX], **{"cl:consignment": "BL-1"})
    squat["eventID"] = "https://carrier.example/offer"
    story.add(3, story.signed(3, squat), Outcome.RECORDED)
    story.payloads.hidden |= {commitment_of(offer), commitment_of(story.entries[-1])}
    engine = open_engine("sqlite://")
    indexer = make_indexer(story, story.chain(), engine)
    indexer.run_once()
    story.payloads.hidden.remove(commitment_of(story.entries[-1]))
    indexer.run_once()
    assert [statuses(engine)[k] for k in ("5 OFFER", "6 ACCEPT", "23 OBSERVE")] == ["withheld", "open", "open"]
    story.payloads.hidden.clear()
    indexer.run_once()
    assert statuses(engine)["5 OFFER"] == "open"
    assert dump(engine) == dump(indexed(story))


def test_event_id__first_content_read_later__takes_it_back(story: Story) -> None:
    first, _ = clash(story)
    story.payloads.hidden.add(commitment_of(first))
    engine = open_engine("sqlite://")
    indexer = make_indexer(story, story.chain(), engine)
    indexer.run_once()
    assert [statuses(engine)[f"{n} COUNT"] for n in (23, 24)] == ["withheld", "open"]
    story.payloads.hidden.clear()
    indexer.run_once()
    assert dump(engine) == dump(indexed(story))


BOXES = ["urn:epc:id:bic:MSKU1111119", "urn:epc:id:bic:MSKU2222220"]


def squabble(story: Story) -> dict[str, Entry]:
    """Two posts under one eventID, the second of which alone says the consignment of a container; by that
    another is read, which says that of the next container, by which a third is read.
    """
    made = {}

    def post(name: str, boxes: list[str], consignment: Any, poster: int = 3, **fields: Any) -> None:
        document = story.document(poster, Kind.OBSERVE, name.split(maxsplit=1)[0], epcList=boxes,
                                  **{"cl:consignment": consignment} if consignment else {}, **fields)
        story.post(poster, document, Outcome.RECORDED, consignment="BL-8" if boxes[0] == BOXES[1] else "BL-9")
        made[name] = story.entries[-1]

    post("third", [BOXES[1]], None)
    post("twice first", [BOX], "BL-1", poster=2)
    post("helped", BOXES, {BOXES[1]: "BL-8"})
    post("twice second", [BOXES[0]], "BL-9", poster=2)
    return made


@pytest.mark.parametrize("restart", [False, True])
def test_event_id__taken_back__what_leaned_on_it_is_taken_back_too(story: Story, restart: bool) -> None:
    made = squabble(story)
    story.payloads.hidden.add(commitment_of(made["twice first"]))
    engine = open_engine("sqlite://")
    indexer = make_indexer(story, story.chain(), engine)
    indexer.run_once()
    assert {name: fault_of(engine, entry)[0] for name, entry in made.items()} == {
        "third": "open", "twice first": "withheld", "helped": "open", "twice second": "open"}
    story.payloads.hidden.clear()
    (make_indexer(story, story.chain(), engine) if restart else indexer).run_once()
    assert {name: fault_of(engine, entry)[0] for name, entry in made.items()} == {
        "third": "mismatch", "twice first": "open", "helped": "mismatch", "twice second": "mismatch"}
    assert fetch(engine, "SELECT count(*) FROM unit_name WHERE number LIKE ?", "MSKU%") == [(0,)]
    rebuilt = indexed(story)
    assert dump(engine) == dump(rebuilt)
    journal = "SELECT * FROM row_before WHERE of_table IN ('unit_name', 'material') ORDER BY of_table, key, place"
    assert fetch(engine, journal) == fetch(rebuilt, journal)


@settings(max_examples=4)
@given(st.permutations(["third", "twice first", "helped", "twice second"]))
def test_event_id__contested_payloads_given_in_any_order__equal_to_a_rebuild(order: list[str]) -> None:
    story = full_story()
    made = squabble(story)
    story.payloads.hidden = {commitment_of(entry) for entry in made.values()}
    engine = open_engine("sqlite://")
    indexer = make_indexer(story, story.chain(), engine)
    for name in order:
        indexer.run_once()
        story.payloads.hidden.remove(commitment_of(made[name]))
    indexer.run_once()
    assert dump(engine) == dump(indexed(story))


def test_event_id__same_content_signed_again__both_open(story: Story) -> None:
    again = replace(entry_of(story, Kind.COUNT).event, nonce=888, deadline_s=START_S + 5)
    story.add(4, again, Outcome.DEADLINE_PASSED)
    engine = indexed(story)
    assert statuses(engine)["23 COUNT"] == "open"


# materials


def test_material__without_the_enterprises_key__as_the_enterprise_posted_it(story: Story) -> None:
    engine = indexed(story, enterprise_keys={})
    rows = fetch(engine, "SELECT code, uom, checked FROM material ORDER BY code, uom")
    assert rows == [("FAB", "MTR", 0), ("JKT", "MTR", 0)]
    assert set(statuses(engine).values()) == {"open", "withheld"}


def test_material__key_comes_later__computed_ones_win(story: Story) -> None:
    engine = indexed(story, enterprise_keys={})
    assert digest(engine) != digest(indexed(story))


def test_material__claimed_by_another_than_its_enterprise__not_taken(story: Story) -> None:
    fabric = entry_of(story, Kind.RECEIVE_FACTORY).event.lines[0].material
    document = story.document(2, Kind.OBSERVE, "claims", quantityList=lot_list("L1", 1), **{
        "cl:lines": lot_line("L1", code="GOLD")})
    document["eventTime"] = "2020-01-01T00:00:00Z"  # of two that may name it the earlier would be believed
    event = story.signed(2, document, enterprise_key=False)
    story.add(2, replace(event, lines=(replace(event.lines[0], material=fabric),)), Outcome.RECORDED)
    engine = indexed(story, enterprise_keys={})
    assert statuses(engine)["23 OBSERVE"] == "open"
    assert fetch(engine, "SELECT code FROM material WHERE material=?", "0x" + fabric.hex()) == [("FAB",)]


@pytest.mark.parametrize(("poster", "kind", "outcome", "said"), [
    (2, Kind.RECEIVE_FACTORY, Outcome.RECORDED, ""),
    (4, Kind.OBSERVE, Outcome.RECORDED, ""),
    (4, Kind.RECEIVE_FACTORY, Outcome.ROLE_MISSING, ""),
    (4, Kind.RECEIVE_FACTORY, Outcome.RECORDED, "said later"),
])
def test_material__described_by_who_has_no_say__bare(
        story: Story, poster: int, kind: Kind, outcome: Outcome, said: str) -> None:
    lines = lot_line("L9", code="NEW")
    lines[0]["material"] = {**lines[0]["material"], "description": "said later", "hs": "12345678"}
    document = story.document(poster, kind, "says", quantityList=lot_list("L9", 1), **{
        "cl:book": "mill-book", "cl:lines": lines,
        **({"bizTransactionList": draws("D1", "1")} if kind is Kind.RECEIVE_FACTORY else {})})
    document["eventTime"] = "1999-01-01T00:00:00Z"
    story.add(poster, story.signed(poster, document), outcome)
    engine = indexed(story)
    assert statuses(engine)[f"23 {kind.name}"] == "open"
    assert fetch(engine, "SELECT description, checked FROM material WHERE code='NEW'") == [(said, 1)]


def test_material__two_descriptions__the_earlier_on_the_ledger_not_by_stated_time(story: Story) -> None:
    for place, stated in (("first", "2026-05-05T00:00:00Z"), ("second", "1999-01-01T00:00:00Z")):
        lines = lot_line(f"L-{place}", code="NEW")
        lines[0]["material"] = {**lines[0]["material"], "description": place}
        document = story.document(4, Kind.RECEIVE_FACTORY, place, quantityList=lot_list(f"L-{place}", 1), **{
            "cl:book": "mill-book", "cl:lines": lines, "bizTransactionList": draws("D1", "1")})
        document["eventTime"] = stated
        story.add(4, story.signed(4, document), Outcome.RECORDED)
    assert fetch(indexed(story), "SELECT description FROM material WHERE code='NEW'") == [("first",)]


# grants and readers


def reads(engine: Engine, entry: Entry, participant: int, now_s: int | None = None) -> bool:
    with Session(engine) as session:
        return may_read(session, "0x" + entry.id.hex(), participant, now_s=now_s)


def test_reader__sealed_to_at_posting__may_read_and_others_not(story: Story) -> None:
    engine = indexed(story)
    hold = entry_of(story, Kind.HOLD)
    assert [reads(engine, hold, n) for n in (1, 2, 3, 4)] == [True, True, False, False]


def test_grant__opens_a_payload_for_the_grantees_index(story: Story) -> None:
    arrive = entry_of(story, Kind.ARRIVE)
    given = story.payloads.given.pop()
    engine = open_engine("sqlite://")
    indexer = make_indexer(story, story.chain(), engine, keys=(3,))
    indexer.run_once()
    assert fault_of(engine, arrive)[0] == "sealed"
    assert not reads(engine, arrive, 3)
    story.payloads.given.append(given)
    indexer.run_once()
    assert fault_of(engine, arrive)[0] == "open"
    assert reads(engine, arrive, 3)
    assert dump(engine) == dump(indexed(story, keys=(3,)))


def test_payload__box_on_a_further_consignment__only_what_was_signed_for_that_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that never states the consignment: each new journey of a box must not have all old ones read again."""
    read: list[int] = []
    for name, place in (("examine", 1), ("read_again", 1)):
        plain = getattr(desk_module, name)
        monkeypatch.setattr(desk_module, name, lambda *args, plain=plain, place=place: (
            read.append(args[place].event["seq"]), plain(*args))[1])
    story, journeys = Story(), 6
    story.register()
    for n in range(journeys):
        # weighed before anybody has said under which consignment it came: read once the ARRIVE has
        for look in range(2):
            story.post(3, story.document(3, Kind.OBSERVE, f"weigh-{n}-{look}", epcList=[BOX], **{"cl:step": "WEIGH"}),
                       Outcome.RECORDED, consignment=f"BL-{n}")
        story.post(2, story.document(2, Kind.ARRIVE, f"arrive-{n}", epcList=[BOX], bizLocation={"id": "urn:place:quay"}, **{
            "cl:consignment": f"BL-{n}"}), Outcome.RECORDED)
    chain, engine = story.chain(), open_engine("sqlite://")
    indexer = make_indexer(story, chain, engine)
    for n in range(journeys):
        read.clear()
        chain.head = len(chain.headers) - 1 - 3 * (journeys - 1 - n)
        indexer.run_once()
        assert min(read) > 3 * n, n
    assert set(statuses(engine).values()) == {"open"}
    assert dump(engine) == dump(indexed(story))


def test_payload__event_id_longer_than_a_database_can_look_up__evidence_and_the_index_goes_on() -> None:
    """Whoever holds a key signs what he likes: PostgreSQL takes no 2,705 bytes into an index, and would stop here for ever."""
    story = Story()
    story.register()
    document = story.document(2, Kind.ARRIVE, "arrive", epcList=[BOX], bizLocation={"id": "urn:place:quay"}, **{"cl:consignment": "BL-1"})
    event = story.signed(2, document)
    noise = "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(200))  # nothing that could be packed smaller
    longer, secret = {**document, "eventID": "https://carrier.example/" + noise}, b"\7" * 32
    commitment = commit(longer, secret, submitter="carrier").root
    story.payloads.kept[commitment] = seal(
        longer, secret=secret, submitter="carrier", commitment=commitment, readers={1: reading_key(1).public})
    story.add(2, replace(event, commitment=commitment), Outcome.RECORDED)
    story.post(1, story.document(1, Kind.HOLD, "hold", epcList=[BOX], **{"cl:consignment": "BL-1"}), Outcome.RECORDED)
    engine = indexed(story)
    assert statuses(engine) == {"1 ARRIVE": "mismatch NOT_READABLE", "2 HOLD": "open"}
    assert fetch(engine, "SELECT document FROM payload ORDER BY recorded_at_s")[0][0].count(noise) == 1


def test_grant__its_content_is_recorded_once_more__holds_for_that_too() -> None:
    """Signed again after its deadline: another event, the same content, and the grant was given in between."""
    story = Story()
    story.register()
    document = story.document(2, Kind.ARRIVE, "arrive", epcList=[BOX], bizLocation={"id": "urn:place:quay"}, **{"cl:consignment": "BL-1"})
    late = story.signed(2, document)
    story.add(2, late, Outcome.DEADLINE_PASSED, epcis_id=document["eventID"])
    story.payloads.given.append(grant(story, 2, 3, [late.commitment]))
    engine, chain = open_engine("sqlite://"), story.chain()
    indexer = make_indexer(story, chain, engine)
    indexer.run_once()
    story.payloads.hidden.add(late.commitment)  # the store has it again later: first there is nothing that it could hold for
    story.add(2, replace(late, nonce=999), Outcome.RECORDED)
    chain.headers, chain.blocks = story.chain().headers, story.chain().blocks
    indexer.run_once()
    story.payloads.hidden.clear()
    indexer.run_once()
    assert all(reads(engine, entry, 3) for entry in story.entries if entry.event is not None)
    assert dump(engine) == dump(indexed(story))


@pytest.mark.parametrize("by", ["key", "grant"])
def test_sealed__store_is_without_it_when_a_key_comes__read_when_the_store_has_it_again(story: Story, by: str) -> None:
    """A share that is not mounted, a bucket that is being moved: what it lacks at that moment is asked for until it is there."""
    arrive, hold = entry_of(story, Kind.ARRIVE), entry_of(story, Kind.HOLD)
    given = story.payloads.given.pop()
    chain, engine = story.chain(), open_engine("sqlite://")
    make_indexer(story, chain, engine, keys=(3,)).run_once()
    assert fault_of(engine, arrive)[0] == fault_of(engine, hold)[0] == "sealed"
    story.payloads.hidden = {commitment_of(arrive)}
    keys = (2, 3) if by == "key" else (3,)
    story.payloads.given.append(given)
    indexer = make_indexer(story, chain, engine, keys=keys)
    indexer.run_once()
    assert fault_of(engine, arrive)[0] == "withheld"
    story.payloads.hidden.clear()
    indexer.run_once()
    assert fault_of(engine, arrive)[0] == "open"
    assert dump(engine) == dump(indexed(story, keys=keys))


def test_grant__ended__no_longer_may_read(story: Story) -> None:
    hold = entry_of(story, Kind.HOLD)
    story.payloads.given.append(grant(story, 2, 4, [commitment_of(hold)], until_s=START_S + 10_000))
    engine = indexed(story)
    assert reads(engine, hold, 4, START_S + 10_000)
    assert not reads(engine, hold, 4, START_S + 10_001)
    assert reads(engine, hold, 4)


def test_grant__by_one_that_could_not_read__makes_no_reader(story: Story) -> None:
    hold = entry_of(story, Kind.HOLD)
    own = grant(story, 2, 4, [commitment_of(hold)])
    forged = replace(own, grantor=4, grantee=3)
    story.payloads.given.append(grant_signed(forged, 4))
    engine = indexed(story)
    assert not reads(engine, hold, 3)
    assert fetch(engine, "SELECT count(*) FROM reading_grant") == [(1,)]


def grant_signed(unsigned: Any, number: int) -> Any:
    from ledger.keys.grants import personal_digest
    from tests.indexer.story import signer

    return replace(unsigned, signature=signer(number).sign_digest(personal_digest(unsigned.message())))


@pytest.mark.parametrize("change", [{"chain_id": 8}, {"ledger": b"\1" * 20}, {"grantee": 4}, {"reason": "other"}])
def test_grant__changed_after_signing__ignored(story: Story, change: dict[str, Any]) -> None:
    hold = entry_of(story, Kind.HOLD)
    story.payloads.given = [replace(grant(story, 2, 3, [commitment_of(hold)]), **change)]
    engine = indexed(story)
    assert fetch(engine, "SELECT count(*) FROM reading_grant") == [(0,)]


def test_grant__signed_by_a_signer_of_another__ignored(story: Story) -> None:
    hold = entry_of(story, Kind.HOLD)
    story.payloads.given = [grant(story, 2, 4, [commitment_of(hold)], signed_by=4)]
    assert not reads(indexed(story), hold, 4)


def test_grant__issued_after_its_signer_was_revoked__ignored(story: Story) -> None:
    accept = entry_of(story, Kind.ACCEPT)
    story.payloads.given = [grant(story, 3, 4, [commitment_of(accept)], issued_at_s=START_S + 10**7)]
    assert not reads(indexed(story), accept, 4)
    story.payloads.given = [grant(story, 3, 4, [commitment_of(accept)], issued_at_s=START_S)]
    assert reads(indexed(story), accept, 4)


def test_readers__one_added_by_the_store__is_shown_nothing(story: Story) -> None:
    hold = entry_of(story, Kind.HOLD)
    commitment = commitment_of(hold)
    assert not reads(indexed(story), hold, 4)
    story.payloads.kept[commitment] = with_reader(story.payloads.kept[commitment], 4, reading_key(4).public, bytes(32))
    engine = indexed(story)
    assert reads(engine, hold, 2) and not reads(engine, hold, 4)


@pytest.mark.parametrize("again", [False, True], ids=["same process", "started again"])
@pytest.mark.parametrize("keys", [(1, 2, 3, 4), (4,)])
def test_grant__signer_is_revoked_before_it_was_issued_by_its_own_word__taken_back(
        story: Story, keys: tuple[int, ...], again: bool) -> None:
    """A clock that is ahead, or a date of next year: whoever reads the chain afresh finds a key revoked by then."""
    accept, arrive = entry_of(story, Kind.ACCEPT), entry_of(story, Kind.ARRIVE)
    chain, engine = story.chain(), open_engine("sqlite://")
    revoked_at = story.entries.index(next(e for e in story.entries if any(
        topic == keccak(b"SignerRevoked(address,uint32)") for raw in e.logs for topic in raw[1]))) + 1
    story.payloads.given += [
        grant(story, 3, 4, [commitment_of(accept)], issued_at_s=START_S + 10**7),
        grant(story, 2, 4, [commitment_of(arrive)])]
    indexer = make_indexer(story, chain, engine, keys=keys)
    chain.head = revoked_at - 1
    indexer.run_once()
    assert reads(engine, accept, 4) and fault_of(engine, accept)[0] == "open"
    chain.head = None
    indexer = make_indexer(story, chain, engine, keys=keys) if again else indexer
    indexer.run_once()
    assert not reads(engine, accept, 4) and reads(engine, arrive, 4)
    assert fault_of(engine, accept)[0] == ("open" if len(keys) > 1 else "sealed")
    assert dump(engine) == dump(indexed(story, keys=keys))


def test_grant__passed_on__in_any_order(story: Story) -> None:
    hold = commitment_of(entry_of(story, Kind.HOLD))
    first = grant(story, 2, 3, [hold])
    story.payloads.kept[hold] = with_reader(story.payloads.kept[hold], 3, reading_key(3).public,
                                            open_sealed(story.payloads.kept[hold], reading_key(1)).content_key)
    second = grant(story, 3, 4, [hold])
    results = []
    for order in ([first, second], [second, first]):
        fresh = full_story()
        fresh.payloads.given = order
        engine = indexed(fresh)
        assert reads(engine, entry_of(fresh, Kind.HOLD), 4)
        results.append(dump(engine))
    assert results[0] == results[1]


STORY = full_story()
EXPECTED = dump(indexed(STORY))
