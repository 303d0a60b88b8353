"""What an event of each kind becomes on the ledger, field by field."""

from __future__ import annotations

import copy
import hashlib
from decimal import Decimal
from typing import Any

import pytest

from ledger.errors import NotFoundError
from ledger.events.faults import InvalidEventError
from ledger.events.ids import UnitType, material_id, unit_id
from ledger.events.kinds import RULES, inference_table
from ledger.events.model import ZERO32, Line
from ledger.events.profile import Interpretation, interpret, is_customs, profile_schema
from ledger.vocabulary import Balance, Kind, LineRole, Step
from tests.ledger.events.samples import (
    BOOK,
    BOX,
    BOXED,
    DECLARATION,
    DIRECTORY,
    ENTERPRISE_KEY,
    EVENT,
    FACTORY,
    LINE_URN,
    NETWORK_SECRET,
    NORM,
    OTHER_KEY,
    PAPER,
    PORT,
    amount,
    context,
    drawn,
    event,
    every_kind,
    handed,
    known_event,
    lot,
    lot_id,
    material,
)

KINDS = every_kind()
BOX_ID = unit_id(NETWORK_SECRET, UnitType.CONTAINER, "RDL-1", "CSQU3054383")
LINE_ID = unit_id(NETWORK_SECRET, UnitType.LINE, "106550118230", "1")
OLD_LINE_ID = unit_id(NETWORK_SECRET, UnitType.LINE, "106550118230", "2")
PACKAGE_ID = unit_id(NETWORK_SECRET, UnitType.CARGO, "RDL-1", "PKG-7")
TAKEN_ID = unit_id(NETWORK_SECRET, UnitType.LOT, "thai-binh", "T1")
FABRIC = material_id(ENTERPRISE_KEY, "FAB-150", "MTR")


def read(name: str, **changes: Any) -> Interpretation:
    poster, value = KINDS[name]
    return interpret({**value, **changes}, context(poster))


def line_of(found: Interpretation, unit: bytes) -> Line:
    return next(line for line in found.event.lines if line.unit == unit)


def faults(value: dict[str, Any], poster: str = "song-hong", **changes: Any) -> dict[str, str]:
    with pytest.raises(InvalidEventError) as caught:
        interpret(value, context(poster, **changes))
    return {f.pointer: f.message for f in caught.value.faults}


def test_samples__every_kind_of_this_release__present() -> None:
    assert set(KINDS) == {kind.name for kind in RULES} | {"ACCEPT_TRANSFER"}
    assert set(RULES) == set(Kind)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind__valid__its_kind_time_and_ascending_lines(name: str) -> None:
    found = read(name)
    assert found.event.kind.name == name.removesuffix("_TRANSFER") and found.profile == "customs"
    assert found.event.occurred_at_ms == 1_740_790_800_250
    assert (found.event.nonce, found.event.deadline_s, found.event.commitment) == (0, 0, ZERO32)
    units = [line.unit for line in found.event.lines]
    assert units == sorted(set(units))
    assert len(found.line_names) == len(found.event.lines)
    for line, named in zip(found.event.lines, found.line_names, strict=True):
        assert named.unit is not None and named.unit.unit == line.unit
        assert line.material in (ZERO32, named.material.material if named.material else ZERO32)


# Kind -> fields that are signed besides kind, lines and time.
SIGNED: dict[str, dict[str, Any]] = {
    "ARRIVE": {"facility": 1}, "OBSERVE": {"step": Step.SEAL_APPLY}, "OFFER": {"counterparty": 2},
    "ACCEPT": {"facility": 1, "reference": known_event(EVENT + "offer")}, "REFUSE": {"reference": known_event(EVENT + "offer")},
    "CANCEL": {"reference": known_event(EVENT + "offer")}, "CLEAR": {"reference": known_event(EVENT + "declare")},
    "OPENING": {"book": 7}, "RECEIVE_FACTORY": {"book": 7, "reference": LINE_ID}, "RECEIVE_DOMESTIC": {"book": 7},
    "ISSUE_PROD": {"book": 7}, "RETURN_PROD": {"book": 7}, "TRANSFORM": {"book": 7, "reference": known_event(EVENT + "norm")},
    "EXPORT_LOAD": {"reference": LINE_ID}, "EXIT_CONFIRM": {"reference": LINE_ID}, "REPURPOSE": {"book": 7, "reference": LINE_ID},
    "SELL_INLAND": {"book": 7}, "SCRAP_OUT": {"book": 7}, "COUNT": {"book": 7}, "APPROVE": {"reference": known_event(EVENT + "opening")},
    "REEXPORT": {"reference": LINE_ID}, "UNLOAD": {"reference": LINE_ID}, "FG_RETURN": {"book": 7, "reference": LINE_ID}, "DESTROY": {"book": 7},
    "TRANSFER": {"book": 7, "counterparty": 5, "reference": LINE_ID}, "ADJUST": {"book": 7, "reference": known_event(EVENT + "count")},
    "ACCEPT_TRANSFER": {"book": 8, "reference": known_event(EVENT + "transfer")},
    "REASSIGN": {"counterparty": 2, "facility": 1, "reference": known_event(EVENT + "wrong")},
    "DENY": {"reference": known_event(EVENT + "opening")}, "CORRECT": {"reference": known_event(EVENT + "this")},
}


@pytest.mark.parametrize("name", KINDS)
def test_every_kind__signed_fields__exactly_these(name: str) -> None:
    found = read(name).event
    expected = {"counterparty": 0, "facility": 0, "book": 0, "reference": ZERO32, "step": Step.NONE, **SIGNED.get(name, {})}
    assert {key: getattr(found, key) for key in expected} == expected


# Kind -> lines: unit -> (role, balance, micro-units, material?)
LINES: dict[str, dict[bytes, tuple[LineRole, Balance, int, bytes]]] = {
    "ARRIVE": {BOX_ID: (LineRole.CONTAINER, Balance.NONE, 0, ZERO32)},
    "OFFER": {BOX_ID: (LineRole.NONE, Balance.NONE, 0, ZERO32)},
    "HOLD": dict.fromkeys((BOX_ID, LINE_ID, lot_id("L1")), (LineRole.NONE, Balance.NONE, 0, ZERO32)),
    "DECLARE": {LINE_ID: (LineRole.RECEIVE, Balance.NONE, 16_000_000_000, FABRIC)},
    "CLEAR": {LINE_ID: (LineRole.NONE, Balance.NONE, 0, ZERO32)},
    "OPENING": {lot_id("L1"): (LineRole.IMPORTED, Balance.RAW, 10_500_000, FABRIC),
                lot_id("L2"): (LineRole.OWN, Balance.FINISHED, 3_000_000, material_id(ENTERPRISE_KEY, "JKT", "MTR"))},
    "RECEIVE_FACTORY": {lot_id("L1"): (LineRole.OUTPUT, Balance.RAW, 10_000_000_000, FABRIC),
                        BOX_ID: (LineRole.CONTAINER, Balance.NONE, 0, ZERO32)},
    "SPLIT": {lot_id("L1"): (LineRole.INPUT, Balance.NONE, 0, ZERO32), lot_id("L2"): (LineRole.OUTPUT, Balance.RAW, 5_000_000, ZERO32),
              lot_id("L3"): (LineRole.OUTPUT, Balance.RAW, 6_000_000, ZERO32)},
    "MERGE": {lot_id("L1"): (LineRole.INPUT, Balance.NONE, 0, ZERO32), lot_id("L2"): (LineRole.INPUT, Balance.NONE, 0, ZERO32),
              lot_id("L3"): (LineRole.OUTPUT, Balance.NONE, 0, ZERO32)},
    "ISSUE_PROD": {lot_id("L1"): (LineRole.NONE, Balance.RAW, 7_400_250_000, ZERO32)},
    "RETURN_PROD": {lot_id("L1"): (LineRole.NONE, Balance.WIP, 200_000_000, ZERO32)},
    "TRANSFORM": {lot_id("L1"): (LineRole.INPUT, Balance.WIP, 100_000_000, ZERO32),
                  lot_id("P1"): (LineRole.PRODUCT, Balance.NONE, 60_000_000, material_id(ENTERPRISE_KEY, "JKT", "H87")),
                  lot_id("S1"): (LineRole.SCRAP, Balance.NONE, 3_500_000, material_id(ENTERPRISE_KEY, "SCR", "MTR"))},
    "EXPORT_LOAD": {lot_id("P1"): (LineRole.NONE, Balance.FINISHED, 55_000_000, ZERO32)},
    "EXIT_CONFIRM": {lot_id("P1"): (LineRole.NONE, Balance.LOADED, 55_000_000, ZERO32)},
    "SCRAP_OUT": {lot_id("S1"): (LineRole.NONE, Balance.SCRAP, 3_000_000, ZERO32)},
    "COUNT": {lot_id("L1"): (LineRole.NONE, Balance.RAW, 12_500_000, ZERO32)},
    "STUFF": {BOX_ID: (LineRole.CONTAINER, Balance.NONE, 0, ZERO32), PACKAGE_ID: (LineRole.INPUT, Balance.NONE, 0, ZERO32),
              lot_id("P1"): (LineRole.INPUT, Balance.NONE, 0, ZERO32)},
    "STRIP": {BOX_ID: (LineRole.CONTAINER, Balance.NONE, 0, ZERO32), PACKAGE_ID: (LineRole.INPUT, Balance.NONE, 0, ZERO32)},
    "REEXPORT": {lot_id("L1"): (LineRole.NONE, Balance.RAW, 200_000_000, ZERO32)},
    "UNLOAD": {lot_id("P1"): (LineRole.NONE, Balance.LOADED, 5_000_000, ZERO32)},
    "FG_RETURN": {lot_id("R1"): (LineRole.OUTPUT, Balance.FINISHED, 5_000_000, material_id(ENTERPRISE_KEY, "JKT", "H87"))},
    "DESTROY": {lot_id("L1"): (LineRole.NONE, Balance.RAW, 2_000_000, ZERO32)},
    "TRANSFER": {lot_id("L1"): (LineRole.NONE, Balance.RAW, 50_000_000, ZERO32)},
    "ACCEPT_TRANSFER": {lot_id("L1"): (LineRole.INPUT, Balance.NONE, 0, ZERO32),
                        TAKEN_ID: (LineRole.OUTPUT, Balance.RAW, 50_000_000, material_id(OTHER_KEY, "FAB-150", "MTR")),
                        LINE_ID: (LineRole.TRANSFER_OUT, Balance.NONE, 0, ZERO32), OLD_LINE_ID: (LineRole.TRANSFER_IN, Balance.NONE, 0, ZERO32)},
    "ADJUST": {lot_id("L1"): (LineRole.INPUT, Balance.RAW, 2_000_000, ZERO32), lot_id("L2"): (LineRole.OUTPUT, Balance.FINISHED, 1_000_000, ZERO32),
               lot_id("L3"): (LineRole.FROM_SHORT, Balance.RAW, 3_000_000, ZERO32)},
    "REASSIGN": {BOX_ID: (LineRole.SUPERVISED, Balance.NONE, 0, ZERO32)},
    "APPROVE": {}, "DENY": {},
    "CORRECT": {BOX_ID: (LineRole.NONE, Balance.NONE, 0, ZERO32)},
}


@pytest.mark.parametrize("name", LINES)
def test_every_kind__signed_lines__exactly_these(name: str) -> None:
    lines = {x.unit: (x.role, x.balance, x.quantity_micro, x.material) for x in read(name).event.lines}
    assert lines == LINES[name]


@pytest.mark.parametrize("name", KINDS)
def test_every_kind__lists_turned_round__same_event(name: str) -> None:
    poster, value = KINDS[name]
    turned = {key: list(reversed(item)) if isinstance(item, list) and key != "@context" else item
              for key, item in reversed(list(copy.deepcopy(value).items()))}
    one, other = interpret(value, context(poster)), interpret(turned, context(poster))
    assert one.event == other.event
    assert set(one.units) == set(other.units) and set(one.materials) == set(other.materials)


def test_interpretation__names_for_the_index__complete() -> None:
    found = read("RECEIVE_FACTORY")
    assert {(u.type, u.scope, u.number) for u in found.units} == {
        (UnitType.LOT, "song-hong", "L1"), (UnitType.CONTAINER, "RDL-1", "CSQU3054383"), (UnitType.LINE, "106550118230", "1")}
    assert all(u.unit == unit_id(NETWORK_SECRET, u.type, u.scope, u.number) for u in found.units)
    (named,) = found.materials
    assert (named.material, named.enterprise, named.code, named.uom, named.description, named.hs) == (
        FABRIC, "song-hong", "FAB-150", "MTR", "Vải polyester", "54075200")
    made = next(n for n in found.line_names if n.uri == lot("L1"))
    assert (made.material, made.uom, made.quantity) == (named, "MTR", Decimal(10000))


def test_interpretation__enterprise_key_not_ours__names_without_id() -> None:
    poster, value = KINDS["RECEIVE_FACTORY"]
    found = interpret(value, context(poster, enterprise_keys={}))
    assert [(m.material, m.code) for m in found.materials] == [(None, "FAB-150")]
    assert all(line.material == ZERO32 for line in found.event.lines)


def test_merge__quantity_of_the_new_lot__kept_as_evidence_not_signed() -> None:
    found = read("MERGE")
    assert next(n.quantity for n in found.line_names if n.uri == lot("L3")) == 9
    assert line_of(found, lot_id("L3")).quantity_micro == 0


def test_declaration_norm_counts__parsed__exact() -> None:
    declared = read("DECLARE").declaration
    assert declared is not None
    assert (declared.quantity, declared.duty_rate, declared.purpose, declared.original_line) == (Decimal(16000), Decimal(12), LineRole.RECEIVE, "")
    anchored = interpret(event("DECLARE", epcList=["https://x.example/norm"], cl_step="NORM", cl_norm=NORM, cl_book=BOOK), context())
    assert anchored.norm is not None and anchored.norm.lines[0].norm == Decimal("1.6543217")
    assert (anchored.event.step, anchored.event.book, anchored.event.lines) == (Step.NORM, 7, ())
    assert {m.code for m in anchored.materials} == {"JKT", "FAB-150"}
    counted = read("COUNT").counts
    assert (counted[0].quantity, counted[0].stock, counted[0].lot) == (Decimal("12.5"), "material", "L1")


NUMBERS = {**NORM, "tolerance": "0.025", "onChain": True, "lines": [
    {"material": "FAB-150", "norm": "1.85", "materialUom": "MTR"}, {"material": "THR", "norm": "0.00000125", "materialUom": "KGM"}]}


def test_norm_with_numbers__signed__base_coefficients_and_terms() -> None:
    found = interpret(event("DECLARE", epcList=["https://x.example/norm"], cl_step="NORM", cl_norm=NUMBERS, cl_book=BOOK), context()).event
    by = {line.unit: line for line in found.lines}
    product, fabric, thread = (by[material_id(ENTERPRISE_KEY, *pair)] for pair in (("JKT", "H87"), ("FAB-150", "MTR"), ("THR", "KGM")))
    assert [(x.role, x.balance, x.quantity_micro, x.material) for x in (product, fabric, thread)] == [
        (LineRole.PRODUCT, Balance.NONE, 100_000_000, ZERO32), (LineRole.INPUT, Balance.NONE, 185_000_000, ZERO32),
        (LineRole.INPUT, Balance.NONE, 125, ZERO32)]
    terms = int.from_bytes(found.reference, "big")
    first, last = 1_735_664_400, 1_767_200_399  # 2025-01-01T00:00:00+07:00 and the last second of 2025 there
    assert (terms & 0xFFFFFFFF, terms >> 32 & 2**64 - 1, terms >> 96) == (25_000, first, last)
    assert (found.step, found.book, found.counterparty) == (Step.NORM, 7, 0)


def test_norm_with_numbers__open_validity__first_to_last_second() -> None:
    norm = {key: value for key, value in NUMBERS.items() if not key.startswith("valid")}
    found = interpret(event("DECLARE", epcList=["https://x.example/norm"], cl_step="NORM", cl_norm=norm, cl_book=BOOK), context()).event
    assert int.from_bytes(found.reference, "big") >> 32 == (2**64 - 1) << 64


@pytest.mark.parametrize(("place", "norm", "fields"), [
    ("/cl:book", {}, {"cl_book": None}),
    ("/cl:step", {}, {"cl_step": "DOCUMENT", "cl_documents": PAPER}),
    ("/cl:norm/tolerance", {"tolerance": "1.5"}, {}),
    ("/cl:norm/tolerance", {"tolerance": "0.0000001"}, {}),
    ("/cl:norm/validTo", {"validTo": "2024-12-31"}, {}),
    ("/cl:norm/lines/0/norm", {"lines": [{"material": "FAB-150", "norm": 0, "materialUom": "MTR", "flag": "KXDDM"}]}, {}),
    ("/cl:norm/lines/0/norm", {"lines": [{"material": "FAB-150", "norm": "0.0000000000001", "materialUom": "MTR"}]}, {}),
    ("/cl:norm/lines/0/norm", {"lines": [{"material": "FAB-150", "norm": "99999999999999", "materialUom": "MTR"}]}, {}),
    ("/cl:norm/lines", {"lines": [{"material": f"M{i}", "norm": 1, "materialUom": "MTR"} for i in range(64)]}, {}),
    ("/cl:norm/enterprise", {"enterprise": "terminal"}, {}),
])
def test_norm_with_numbers__that_cannot_be__refused_at_its_place(place: str, norm: dict[str, Any], fields: dict[str, Any]) -> None:
    value = event("DECLARE", **{"epcList": ["https://x.example/norm"], "cl_step": "NORM", "cl_norm": {**NUMBERS, **norm}, "cl_book": BOOK, **fields})
    assert place in faults(value)


def test_declare__book_of_a_line__label_not_signed() -> None:
    found = read("DECLARE")
    assert found.book == BOOK and found.event.book == 0


def test_declare__change_of_purpose__cites_the_original_line() -> None:
    changed = {**DECLARATION, "purpose": "CHANGE_OF_PURPOSE", "originalDeclaration": "106550118230", "originalLine": "2"}
    found = read("DECLARE", **{"cl:declaration": changed})
    assert found.event.reference == OLD_LINE_ID and OLD_LINE_ID in [u.unit for u in found.units]
    missing = faults({**KINDS["DECLARE"][1], "cl:declaration": {**changed, "originalLine": ""}})
    assert set(missing) == {"/cl:declaration/originalLine"}


def test_declare__original_line_of_another_purpose__not_signed() -> None:
    found = read("DECLARE", **{"cl:declaration": {**DECLARATION, "originalDeclaration": "106550118230", "originalLine": "2"}})
    assert found.event.reference == ZERO32


def test_declare__customs_for_a_declarant__counterparty() -> None:
    found = interpret({**KINDS["DECLARE"][1], "cl:declarant": "song-hong"}, context("customs"))
    assert found.event.counterparty == 3
    without = {k: v for k, v in DECLARATION.items() if k != "enterprise"}
    same = interpret({**KINDS["DECLARE"][1], "cl:declarant": "song-hong", "cl:declaration": without}, context("customs"))
    assert line_of(same, LINE_ID).material == FABRIC


def test_clear__line_cancelled__step_is_signed() -> None:
    assert read("CLEAR", **{"cl:step": "LINE_CANCELLED"}).event.step is Step.LINE_CANCELLED


@pytest.mark.parametrize("number", [5, Decimal("5"), "5", "5.000"])
def test_declaration__quantity_as_number_or_text__same(number: Any) -> None:
    found = read("DECLARE", **{"cl:declaration": {**DECLARATION, "quantity": number}})
    assert line_of(found, LINE_ID).quantity_micro == 5_000_000


def test_arrive__empty_container_and_cargo__roles() -> None:
    value = event("ARRIVE", epcList=[BOX, "urn:cargoledger:cargo:RDL-1:PKG%201"], cl_consignment="RDL-1", bizLocation={"id": PORT},
                  cl_lines=[{"id": BOX, "role": "EMPTY_CONTAINER"}])
    roles = {line.role for line in interpret(value, context("carrier")).event.lines}
    assert roles == {LineRole.EMPTY_CONTAINER, LineRole.CARGO}


def test_containers__two_consignments_in_one_event__told_apart() -> None:
    second = "urn:epc:id:bic:TOLU4734787"
    value = event("GATE_OUT", epcList=[BOX, second], cl_consignment={BOX: "RDL-1", second: "RDL-2"})
    assert {(u.scope, u.number) for u in interpret(value, context("terminal")).units} == {("RDL-1", "CSQU3054383"), ("RDL-2", "TOLU4734787")}


def test_container__wrong_check_digit__pointed_out_not_refused() -> None:
    value = event("GATE_OUT", epcList=["urn:epc:id:bic:CSQU3054384"], cl_consignment="RDL-1")
    found = interpret(value, context("terminal"))
    assert len(found.event.lines) == 1
    assert [(n.pointer, n.refuses) for n in found.notes] == [("/epcList/0", False)] and "3 belongs there" in found.notes[0].message


def test_container__without_consignment__refused_but_observed() -> None:
    value = event("GATE_OUT", epcList=[BOX])
    assert "another journey" in faults(value, "terminal")["/epcList/0"]
    found = interpret({**value, "cl:kind": "OBSERVE"}, context("terminal"))
    assert found.event.lines == () and [n.pointer for n in found.notes] == ["/epcList/0"]
    helped = interpret(value, context("terminal", consignment_of={"CSQU3054383": "RDL-1"}.get))
    assert helped.event.lines[0].unit == BOX_ID


def test_accept__without_place__carriage() -> None:
    poster, value = KINDS["ACCEPT"]
    assert interpret({k: v for k, v in value.items() if k != "bizLocation"}, context(poster)).event.facility == 0


def test_accept__lot_found_short__quantity_and_balance_signed() -> None:
    value = event("ACCEPT", quantityList=[amount("L1", "4900.5")], cl_lines=[{"id": lot("L1"), "balance": "RAW"}],
                  cl_reference=EVENT + "offer", **handed("carrier", "song-hong"))
    (line,) = interpret(value, context()).event.lines
    assert (line.balance, line.quantity_micro) == (Balance.RAW, 4_900_500_000)
    as_offered = interpret({**value, "quantityList": [amount("L1")]}, context())
    assert (as_offered.event.lines[0].balance, as_offered.event.lines[0].quantity_micro) == (Balance.NONE, 0)
    assert "/quantityList/0/quantity" in faults({**value, "quantityList": [amount("L1", 0)]})


def test_observe__anything_that_resolves__named_with_evidence() -> None:
    value = event("OBSERVE", epcList=[BOX, LINE_URN, "urn:epc:id:giai:4000001.111"], quantityList=[amount("L1", "1.5")], cl_consignment="RDL-1",
                  bizLocation={"id": "urn:x:somewhere"}, bizTransactionList=drawn("urn:cargoledger:line:106550118230:2"), **handed("carrier", "terminal"))
    found = interpret(value, context("terminal")).event
    assert {x.unit for x in found.lines} == {BOX_ID, LINE_ID, lot_id("L1")}
    assert (found.facility, found.counterparty, found.reference) == (0, 2, OLD_LINE_ID)


def test_observe__line_named_and_cited__referenced_once() -> None:
    found = interpret(event("OBSERVE", epcList=[LINE_URN], bizTransactionList=drawn()), context("customs")).event
    assert found.reference == ZERO32 and [x.unit for x in found.lines] == [LINE_ID]


def test_observe__seal_association__step_from_the_table() -> None:
    value = event(None, type="AssociationEvent", action="ADD", parentID=BOX, childEPCs=["urn:epc:id:giai:4000001.111"], cl_consignment="RDL-1")
    found = interpret(value, context("carrier")).event
    assert (found.kind, found.step) == (Kind.OBSERVE, Step.SEAL_APPLY)


def test_deadline__stated__given_to_the_poster_not_signed_here() -> None:
    found = read("OFFER", **{"cl:deadline": "2025-03-02T01:00:00Z"})
    assert found.deadline_s == 1_740_877_200 and found.event.deadline_s == 0


def test_time__finer_than_a_millisecond__cut_off() -> None:
    assert read("OFFER", eventTime="2025-03-01T08:00:00.2509999+07:00").event.occurred_at_ms == 1_740_790_800_250
    assert read("OFFER", eventTime="2025-03-01T01:00:00.25Z").event.occurred_at_ms == 1_740_790_800_250
    assert "/eventTime" in faults({**KINDS["OFFER"][1], "eventTime": "1969-12-31T23:59:59.999Z"}, "carrier")
    assert read("OFFER", eventTime="9999-12-31T23:59:59-14:00").event.occurred_at_ms == 253_402_351_199_000


# ---- what is refused, and where ---------------------------------------------------------------------------------------

def changed(name: str, place: str, /, **changes: Any) -> tuple[str, dict[str, Any], str]:
    poster, value = KINDS[name]
    value = {**copy.deepcopy(value), **{"cl:" + k[3:] if k.startswith("cl_") else k: v for k, v in changes.items()}}
    return poster, {k: v for k, v in value.items() if v is not None}, place


FAULTY: dict[str, tuple[str, dict[str, Any], str]] = {
    "stuffed without a container": changed("STUFF", "/parentID", parentID="urn:cargoledger:cargo:RDL-1:PKG-8"),
    "transfer to a mere possessor": changed("TRANSFER", "/destinationList", destinationList=handed("song-hong", "thai-binh")["destinationList"]),
    "transfer to nobody known": changed("TRANSFER", "/destinationList/0/destination", **handed("song-hong", "nobody", "owning_party")),
    "reassigned to nobody known": changed("REASSIGN", "/destinationList/0/destination", destinationList=handed("carrier", "nobody")["destinationList"]),
    "reassigned without the wrong event": changed("REASSIGN", "/cl:reference", cl_reference=None),
    "lot reassigned as free": changed("REASSIGN", "/cl:lines/0/role", epcList=[], quantityList=[amount("L1")], cl_lines=[{"id": lot("L1"), "role": "FREE"}]),
    "adjusted without saying which way": changed("ADJUST", "/quantityList/0/epcClass", quantityList=[amount("L1", 2)], cl_lines=[{"id": lot("L1"), "balance": "RAW"}]),
    "written off what is loaded": changed("ADJUST", "/cl:lines/0/balance", quantityList=[amount("L1", 2)], cl_lines=[{"id": lot("L1"), "role": "INPUT", "balance": "LOADED"}]),
    "accepted transfer without its lines": changed("ACCEPT_TRANSFER", "", epcList=[], cl_lines=KINDS["ACCEPT_TRANSFER"][1]["cl:lines"][:2]),
    "returned goods without material": changed("FG_RETURN", "/quantityList/0", cl_lines=None),
    "unknown kind": changed("OFFER", "/cl:kind", cl_kind="SHIP"),
    "unknown step": changed("OBSERVE", "/cl:step", cl_step="KICK"),
    "misspelt term": changed("ISSUE_PROD", "/cl:bok", cl_bok="x"),
    "no readPoint": changed("OFFER", "/readPoint", readPoint=None),
    "container in lower case": changed("OFFER", "/epcList/0", epcList=["urn:epc:id:bic:csqu3054383"]),
    "full-width container": changed("OFFER", "/epcList/0", epcList=["urn:epc:id:bic:CSQU305438３"]),
    "cyrillic lot": changed("ISSUE_PROD", "/quantityList/0/epcClass", quantityList=[amount("%D0%90", 5)]),
    "lot of an unknown enterprise": changed("ISSUE_PROD", "/quantityList/0/epcClass", quantityList=[{**amount("L1", 5), "epcClass": "urn:cargoledger:lot:nobody:L1"}]),
    "lot of an enterprise by URI": changed("ISSUE_PROD", "/quantityList/0/epcClass", quantityList=[{**amount("L1", 5), "epcClass": "urn:cargoledger:lot:https%3A%2F%2Fsong-hong.example%2F:L1"}]),
    "lot without number": changed("ISSUE_PROD", "/quantityList/0/epcClass", quantityList=[{**amount("L1", 5), "epcClass": "urn:cargoledger:lot:song-hong:"}]),
    "unknown facility": changed("ARRIVE", "/bizLocation/id", bizLocation={"id": "urn:x:nowhere"}),
    "no facility": changed("ARRIVE", "/bizLocation", bizLocation=None),
    "unknown participant": changed("OFFER", "/destinationList/0/destination", **handed("carrier", "nobody")),
    "no destination": changed("OFFER", "/destinationList", destinationList=None),
    "owning party instead of possessing": changed("OFFER", "/destinationList", destinationList=[{"type": "owning_party", "destination": "https://terminal.example/"}]),
    "offer by somebody else": changed("OFFER", "/sourceList/0/source", **handed("terminal", "song-hong")),
    "acceptance by somebody else": changed("ACCEPT", "/destinationList/0/destination", **handed("carrier", "song-hong")),
    "no source": changed("ACCEPT", "/sourceList", sourceList=None),
    "unknown book": changed("ISSUE_PROD", "/cl:book", cl_book="nobody"),
    "no book": changed("ISSUE_PROD", "/cl:book", cl_book=None),
    "unknown book as a label": changed("EXPORT_LOAD", "/cl:book", cl_book="nobody"),
    "unknown reference": changed("ACCEPT", "/cl:reference", cl_reference="urn:uuid:never-seen"),
    "no reference": changed("ACCEPT", "/cl:reference", cl_reference=None),
    "reference that answers nothing": changed("ISSUE_PROD", "/cl:reference", cl_reference=EVENT + "x"),
    "unknown norm": changed("TRANSFORM", "/cl:normEvent", cl_normEvent="urn:uuid:never-seen"),
    "no declaration line": changed("EXPORT_LOAD", "/bizTransactionList", bizTransactionList=None),
    "declaration line of another form": changed("EXPORT_LOAD", "/bizTransactionList/0/bizTransaction", bizTransactionList=drawn("urn:x:1")),
    "lot as declaration line": changed("EXPORT_LOAD", "/bizTransactionList/0/bizTransaction", bizTransactionList=drawn(lot("L1"))),
    "two declaration lines": changed("EXPORT_LOAD", "/bizTransactionList", bizTransactionList=[*drawn(), *drawn("urn:cargoledger:line:1:2")]),
    "unit missing": changed("ISSUE_PROD", "/quantityList/0/uom", quantityList=[{"epcClass": lot("L1"), "quantity": 5}]),
    "unit not of Recommendation 20": changed("ISSUE_PROD", "/quantityList/0/uom", quantityList=[amount("L1", 5, "PCE")]),
    "seven decimals": changed("ISSUE_PROD", "/quantityList/0/quantity", quantityList=[amount("L1", "0.0000001")]),
    "beyond 64 bits": changed("ISSUE_PROD", "/quantityList/0/quantity", quantityList=[amount("L1", 10**14)]),
    "quantity zero": changed("ISSUE_PROD", "/quantityList/0/quantity", quantityList=[amount("L1", 0)]),
    "no quantity": changed("ISSUE_PROD", "/quantityList/0/quantity", quantityList=[amount("L1")]),
    "quantity of a whole": changed("HOLD", "/quantityList/0/quantity", quantityList=[amount("L1", 5)]),
    "container as a quantity": changed("HOLD", "/quantityList/0/epcClass", quantityList=[{"epcClass": BOX}]),
    "same lot twice": changed("ISSUE_PROD", "", quantityList=[amount("L1", 5), amount("L1", 6)]),
    "same lot twice, spelt otherwise": changed("ISSUE_PROD", "", quantityList=[amount("L1", 5), amount("%4C1", 6)]),
    "65 units": changed("GATE_OUT", "", epcList=[f"urn:cargoledger:cargo:RDL-1:{i}" for i in range(65)]),
    "no unit": changed("GATE_OUT", "/epcList/0", epcList=["urn:epc:id:sgtin:0614141.107346.2017"]),
    "two lines cleared": changed("CLEAR", "", epcList=[LINE_URN, "urn:cargoledger:line:106550118230:2"]),
    "lot through the gate": changed("GATE_OUT", "/quantityList/0/epcClass", quantityList=[amount("L1")]),
    "seal through the gate": changed("GATE_OUT", "/epcList/0", epcList=["urn:epc:id:giai:4000001.111", BOX]),
    "balance that is not drawn": changed("ISSUE_PROD", "/cl:lines/0/balance", cl_lines=[{"id": lot("L1"), "balance": "WIP"}]),
    "balance not said": changed("REPURPOSE", "/quantityList/0", cl_lines=None),
    "role not allowed": changed("ISSUE_PROD", "/cl:lines/0/role", cl_lines=[{"id": lot("L1"), "role": "PRODUCT"}]),
    "role not said": changed("SPLIT", "/quantityList/0/epcClass", cl_lines=[{"id": lot("L2"), "role": "OUTPUT", "balance": "RAW"}, {"id": lot("L3"), "role": "OUTPUT", "balance": "RAW"}]),
    "unknown role": changed("ISSUE_PROD", "/cl:lines/0/role", cl_lines=[{"id": lot("L1"), "role": "THIEF"}]),
    "line of something not in the event": changed("ISSUE_PROD", "/cl:lines/0/id", cl_lines=[{"id": lot("L9"), "balance": "RAW"}]),
    "line said twice": changed("ISSUE_PROD", "/cl:lines/1/id", cl_lines=[{"id": lot("L1")}, {"id": lot("L1"), "balance": "RAW"}]),
    "unknown field of a line": changed("ISSUE_PROD", "/cl:lines/0/amount", cl_lines=[{"id": lot("L1"), "amount": 5}]),
    "new lot without material": changed("RECEIVE_DOMESTIC", "/quantityList/0", cl_lines=None),
    "material in another unit": changed("RECEIVE_DOMESTIC", "/quantityList/0/uom", cl_lines=[{"id": lot("L1"), "material": material("THR", "KGM")}]),
    "material of a container": changed("RECEIVE_FACTORY", "/cl:lines/1/material", cl_lines=[{"id": lot("L1"), "material": material()}, {"id": BOX, "material": material()}]),
    "material with a look-alike": changed("RECEIVE_DOMESTIC", "/cl:lines/0/material/code", cl_lines=[{"id": lot("L1"), "material": material("ТHR")}]),
    "material without unit": changed("RECEIVE_DOMESTIC", "/cl:lines/0/material/uom", cl_lines=[{"id": lot("L1"), "material": {"code": "THR"}}]),
    "HS code as number": changed("RECEIVE_DOMESTIC", "/cl:lines/0/material/hs", cl_lines=[{"id": lot("L1"), "material": {**material(), "hs": 54075200}}]),
    "two lots received at once": changed("RECEIVE_FACTORY", "/quantityList", epcList=None, quantityList=[amount("L1", 5), amount("L2", 6)], cl_lines=[
        {"id": lot("L1"), "material": material()}, {"id": lot("L2"), "material": material()}]),
    "two parents split": changed("SPLIT", "/cl:lines", cl_lines=[{"id": lot("L1"), "role": "INPUT"}, {"id": lot("L2"), "role": "OUTPUT", "balance": "RAW"},
                                                               {"id": lot("L3"), "role": "INPUT"}], quantityList=[amount("L1"), amount("L2", 5), amount("L3")]),
    "product without role among several": changed("TRANSFORM", "/outputQuantityList/0/epcClass", cl_lines=[
        {"id": lot("P1"), "material": material("JKT", "H87")}, {"id": lot("S1"), "role": "SCRAP", "material": material("SCR")}]),
    "transformation as object event": changed("TRANSFORM", "/type", type="ObjectEvent", action="OBSERVE", inputQuantityList=None, outputQuantityList=None,
                                              quantityList=[amount("L1", 5)], cl_lines=None),
    "gate by an aggregation": changed("GATE_OUT", "/type", type="AggregationEvent", epcList=None, parentID=BOX, childEPCs=["urn:x:1"]),
    "domestic goods without invoice": changed("RECEIVE_DOMESTIC", "/cl:documents", cl_documents=None),
    "declaration of another line": changed("DECLARE", "/epcList/0", epcList=["urn:cargoledger:line:106550118230:9"]),
    "declaration line not named": changed("DECLARE", "/epcList", epcList=[]),
    "declaration without purpose": changed("DECLARE", "/cl:declaration/purpose", cl_declaration={k: v for k, v in DECLARATION.items() if k != "purpose"}),
    "declaration of unknown purpose": changed("DECLARE", "/cl:declaration/purpose", cl_declaration={**DECLARATION, "purpose": "FUN"}),
    "declared seven decimals": changed("DECLARE", "/cl:declaration/quantity", cl_declaration={**DECLARATION, "quantity": "0.1234567"}),
    "declared nothing": changed("DECLARE", "/cl:declaration/quantity", cl_declaration={**DECLARATION, "quantity": 0}),
    "declared negative": changed("DECLARE", "/cl:declaration/quantity", cl_declaration={**DECLARATION, "quantity": -5}),
    "declared with comma": changed("DECLARE", "/cl:declaration/quantity", cl_declaration={**DECLARATION, "quantity": "1,5"}),
    "declared in packages": changed("DECLARE", "/cl:declaration/uom", cl_declaration={**DECLARATION, "uom": "PCE"}),
    "declared by nobody": changed("DECLARE", "/cl:declaration/enterprise", cl_declaration={**DECLARATION, "enterprise": "nobody"}),
    "declarant unknown": changed("DECLARE", "/cl:declarant", cl_declarant="nobody"),
    "declaration with a step": changed("DECLARE", "/cl:step", cl_step="NORM"),
    "declaration of nothing": changed("DECLARE", "/cl:declaration", cl_declaration=None),
    "norm without norm": changed("DECLARE", "/cl:norm", cl_declaration=None, cl_step="NORM"),
    "manifest without paper": changed("DECLARE", "/cl:documents", cl_declaration=None, cl_step="MANIFEST"),
    "norm of one material twice": changed("DECLARE", "/cl:norm/lines/1/material", cl_declaration=None, cl_step="NORM", cl_norm={**NORM, "lines": NORM["lines"] * 2}),
    "norm in packages": changed("DECLARE", "/cl:norm/lines/0/materialUom", cl_declaration=None, cl_step="NORM", cl_norm={**NORM, "lines": [{**NORM["lines"][0], "materialUom": "PCE"}]}),  # type: ignore[dict-item, index]
    "paper with a broken hash": changed("RECEIVE_DOMESTIC", "/cl:documents/0/sha256", cl_documents=[{**PAPER[0], "sha256": "AB" * 32}]),
    "seal as number": changed("OBSERVE", "/cl:seals/0/number", cl_seals=[{"number": 71120}]),
    "seal in a condition that none is in": changed("OBSERVE", "/cl:seals/0/condition",
                                                   cl_seals=[{"number": "ML1", "condition": "OPEN"}]),
    "seal with a look-alike": changed("OBSERVE", "/cl:seals/0/number", cl_seals=[{"number": "СN1234567"}]),
    "count of neither code nor lot": changed("COUNT", "/cl:counts/0", cl_counts=[{"at": "2025-12-31", "stock": "wip", "quantity": 1, "uom": "MTR"}]),
    "count in seven decimals": changed("COUNT", "/cl:counts/0/quantity", cl_counts=[{"at": "2025-12-31", "stock": "wip", "code": "A", "quantity": "0.0000001", "uom": "MTR"}]),
    "step of clearance": changed("CLEAR", "/cl:step", cl_step="WEIGH"),
    "line cancelled by observation": changed("OBSERVE", "/cl:step", cl_step="LINE_CANCELLED"),
    "correction without declaration": changed("OBSERVE", "/errorDeclaration", cl_kind="CORRECT"),
    "correction of the unknown": changed("CORRECT", "/eventID", eventID="urn:uuid:never-seen"),
    "correction without eventID": changed("CORRECT", "/eventID", eventID=None),
    "prefix not declared": changed("GATE_OUT", "/cl:kind", **{"@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"]}),
}


@pytest.mark.parametrize(("poster", "value", "place"), FAULTY.values(), ids=FAULTY.keys())
def test_event__one_fault__refused_at_its_place(poster: str, value: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidEventError) as caught:
        interpret(value, context(poster))
    places = {f.pointer for f in caught.value.faults}
    assert place in places, caught.value.faults
    assert all(f.message.endswith((".", ")")) for f in caught.value.faults)
    assert places == {place} or place in ("/type", "/cl:kind"), caught.value.faults


def test_event__several_faults_of_meaning__all_told() -> None:
    value = event("ISSUE_PROD", quantityList=[amount("L1", "0.1234567"), amount("L2")], cl_lines=[{"id": lot("L9")}])
    assert set(faults(value)) == {"/quantityList/0/quantity", "/quantityList/1/quantity", "/cl:lines/0/id", "/cl:book"}


def test_lot__kept_in_another_unit__refused_where_that_is_known() -> None:
    poster, value = KINDS["ISSUE_PROD"]
    assert "/quantityList/0/uom" in faults(value, poster, lot_uom=lambda unit: "KGM" if unit == lot_id("L1") else None)
    assert interpret(value, context(poster, lot_uom=lambda unit: "MTR")).event.book == 7


def test_poster__not_in_the_directory__not_found() -> None:
    with pytest.raises(NotFoundError):
        interpret(KINDS["OFFER"][1], context("nobody"))


def test_correct__event_that_answered_another__cites_the_wrong_one_not_what_it_answered() -> None:
    poster, value = KINDS["ACCEPT"]
    found = interpret({**value, "errorDeclaration": {"declarationTime": "2025-03-02T08:00:00Z"}}, context(poster)).event
    assert (found.kind, found.reference, found.facility) == (Kind.CORRECT, known_event(EVENT + "this"), 0)
    assert found.lines == (Line(BOX_ID),)


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("CORRECT", "APPROVE", "DENY")])
def test_correct__event_of_any_kind__names_its_units_only(name: str) -> None:
    poster, value = KINDS[name]
    found = interpret({**value, "errorDeclaration": {"declarationTime": "2025-03-02T08:00:00Z"}}, context(poster)).event
    assert found.lines == tuple(Line(line.unit) for line in read(name).event.lines)
    assert (found.kind, found.counterparty, found.book, found.step) == (Kind.CORRECT, 0, 0, Step.NONE)


# ---- open profile ---------------------------------------------------------------------------------------------------

def open_event(**fields: Any) -> dict[str, Any]:
    return event(None, **{"@context": ["https://ref.gs1.org/standards/epcis/epcis-context.jsonld"], "eventID": "urn:uuid:1", **fields})


def test_open__event_of_anybody__observed_without_units() -> None:
    found = interpret(open_event(epcList=["urn:epc:id:sgtin:0614141.107346.2017"], bizStep="shipping", readPoint=None, **handed("carrier", "terminal")), context("carrier"))
    assert (found.profile, found.event.kind, found.event.lines, found.event.counterparty) == ("open", Kind.OBSERVE, (), 0)


def test_open__container_number__told_only_by_the_index() -> None:
    value = open_event(epcList=[BOX])
    assert interpret(value, context("carrier")).event.lines == ()
    told = interpret(value, context("carrier", consignment_of={"CSQU3054383": "RDL-1"}.get)).event.lines
    assert [x.unit for x in told] == [BOX_ID]


def test_open__own_identifiers_and_places__resolved() -> None:
    found = interpret(open_event(epcList=["urn:cargoledger:cargo:RDL-1:1"], bizLocation={"id": PORT}), context("carrier"))
    assert found.profile == "open" and len(found.event.lines) == 1 and found.event.facility == 1


def test_open__own_identifier_that_is_malformed__pointed_out() -> None:
    found = interpret(open_event(epcList=["urn:cargoledger:lot:nobody:1"]), context("carrier"))
    assert found.event.lines == () and [n.refuses for n in found.notes] == [False]


def test_open__prefix_cl_of_somebody_else__none_of_our_business() -> None:
    value = open_event(epcList=["urn:x:1"], cl_kind="GATE_OUT", cl_lines="theirs")
    value["@context"].append({"cl": "https://ns.example.org/clothing/"})
    assert not is_customs(value)
    assert interpret(value, context("carrier")).event.kind is Kind.OBSERVE


def test_open__error_declaration_of_an_unknown_event__kept_as_observation() -> None:
    found = interpret(open_event(epcList=["urn:x:1"], errorDeclaration={"declarationTime": "2025-03-02T08:00:00Z"}), context("carrier"))
    assert found.event.kind is Kind.OBSERVE and found.is_correction and [n.pointer for n in found.notes] == ["/eventID"]


def test_open__error_declaration_of_a_known_event__corrects_it() -> None:
    found = interpret(open_event(eventID=EVENT + "x", epcList=["urn:x:1"], errorDeclaration={"declarationTime": "2025-03-02T08:00:00Z"}), context("carrier"))
    assert found.event.kind is Kind.CORRECT and found.event.reference == known_event(EVENT + "x")


# ---- inference ------------------------------------------------------------------------------------------------------

INFERRED: dict[str, tuple[str, dict[str, Any], Kind, Step]] = {
    "offer": ("carrier", event(None, bizStep="shipping", **BOXED, **handed("carrier", "terminal")), Kind.OFFER, Step.NONE),
    "offer by Web URI": ("carrier", event(None, bizStep="https://ref.gs1.org/cbv/BizStep-shipping", **BOXED, **handed("carrier", "terminal")), Kind.OFFER, Step.NONE),
    "accept": ("terminal", event(None, bizStep="receiving", cl_reference=EVENT + "o", **BOXED, **handed("carrier", "terminal")), Kind.ACCEPT, Step.NONE),
    "cancel": ("carrier", event(None, bizStep="void_shipping", cl_reference=EVENT + "o", **BOXED), Kind.CANCEL, Step.NONE),
    "arrival": ("carrier", event(None, action="ADD", bizStep="unloading", bizLocation={"id": PORT}, **BOXED), Kind.ARRIVE, Step.NONE),
    "hold": ("customs", event(None, bizStep="holding", disposition="urn:cargoledger:disp:customs_hold", **BOXED), Kind.HOLD, Step.NONE),
    "release": ("customs", event(None, disposition="urn:cargoledger:disp:customs_released", **BOXED), Kind.ELIGIBLE, Step.NONE),
    "selected for scan": ("customs", event(None, bizStep="inspecting", disposition="urn:cargoledger:disp:selected_for_scan", **BOXED), Kind.OBSERVE, Step.CHANNEL),
    "gate in": ("terminal", event(None, bizStep="arriving", **BOXED), Kind.OBSERVE, Step.GATE_IN),
    "left": ("terminal", event(None, bizStep="departing", **BOXED), Kind.OBSERVE, Step.LEFT),
    "holding without customs": ("terminal", event(None, bizStep="holding", **BOXED), Kind.OBSERVE, Step.NONE),
    "own step": ("terminal", event(None, bizStep="urn:x:kicking", **BOXED), Kind.OBSERVE, Step.NONE),
    "count": ("song-hong", event(None, bizStep="stock_taking", cl_book=BOOK, quantityList=[amount("L1", 5)], cl_lines=[{"id": lot("L1"), "balance": "RAW"}]), Kind.COUNT, Step.NONE),
}


@pytest.mark.parametrize(("poster", "value", "kind", "step"), INFERRED.values(), ids=INFERRED.keys())
def test_inference__no_kind_said__by_the_published_table(poster: str, value: dict[str, Any], kind: Kind, step: Step) -> None:
    found = interpret(value, context(poster))
    assert (found.profile, found.event.kind, found.event.step) == ("customs", kind, step)


def test_inference__transformation_of_own_lots_without_any_term__customs_and_asks_for_the_rest() -> None:
    value = open_event(type="TransformationEvent", action=None, bizStep="commissioning", inputQuantityList=[amount("L1", 5)],
                       outputQuantityList=[amount("P1", 3)])
    assert is_customs(value)
    assert set(faults(value)) == {"/cl:book", "/outputQuantityList/0/epcClass"}


def test_inference__kind_said__table_not_asked() -> None:
    found = interpret(event("OBSERVE", bizStep="shipping", **BOXED, **handed("carrier", "terminal")), context("carrier"))
    assert found.event.kind is Kind.OBSERVE


def test_inference__every_row__reachable_and_of_this_release() -> None:
    rows = inference_table()
    assert len({(r.types, r.actions, r.biz_steps, r.dispositions, r.needs) for r in rows}) == len(rows)
    for i, row in enumerate(rows):
        assert row.kind in RULES
        probe = {"type": (row.types or ("ObjectEvent",))[0], "action": (row.actions or ("OBSERVE",))[0],
                 "bizStep": (row.biz_steps or ("other",))[-1], "disposition": (row.dispositions or ("unknown",))[0],
                 **dict.fromkeys(row.needs, 1)}
        assert next(r for r in rows if r.matches(probe)) is row, i


def test_schema__terms__listed_once_in_properties_and_names() -> None:
    value = profile_schema()
    terms = {key[3:] for key in value["properties"] if key.startswith("cl:")}
    assert set(value["propertyNames"]["not"]["pattern"].split("(?!(")[1].split(")")[0].split("|")) == terms
    assert set(value["properties"]["cl:kind"]["enum"]) == {k.name for k in Kind}
    assert set(value["properties"]["cl:step"]["enum"]) == {s.name for s in Step}


def test_ids__in_events__do_not_depend_on_the_directory_order() -> None:
    assert hashlib.sha256(b"network").digest() == NETWORK_SECRET
    turned = copy.deepcopy(DIRECTORY)
    turned.participants.reverse()
    poster, value = KINDS["OFFER"]
    assert interpret(value, context(poster, directory=turned)).event == read("OFFER").event
    assert FACTORY != PORT
