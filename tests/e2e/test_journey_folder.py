"""The committed journey: written by its script, well-formed, and the same in documents and tables."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from e2e.journey_files import JOURNEY, ROOT, events, index, table

from ledger.directory import Directory
from ledger.events.document import read_document
from ledger.events.iso6346 import container_number_fault

BOOKS = {"thanh-lam-sxxk": "thanh-lam-garment", "an-khe-gc": "an-khe-sportswear"}


def kind(name: str):
    return [e for _, e in events() if e["cl:kind"] == name]


def test_journey__built_again__is_what_is_committed(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import build_journey

    assert build_journey.differences(JOURNEY) == []


def test_journey__every_document__is_valid_epcis_without_remarks():
    paths = [p for p in JOURNEY.rglob("*.json") if p.parent != JOURNEY]
    assert len(paths) > 180
    remarks = {p.name: notes for p in paths if (notes := read_document(p.read_bytes()).notes)}
    assert remarks == {}


def test_journey__index__names_every_document_once_in_order():
    listed = [d["file"] for d in index()["documents"]]
    assert listed == sorted(p.name for p in (JOURNEY / "documents").glob("*.json"))
    for fault in index()["irregularities"]:
        laid_over = {d["file"] for d in [*fault["replaces"], *fault["adds"]]}
        there = {p.name for p in (JOURNEY / "irregularities" / fault["name"]).glob("*.json")}
        assert laid_over == there, fault["name"]
        assert {d["file"] for d in fault["replaces"]} <= set(listed)
        assert set(fault["removes"]) <= set(listed)
        assert not {d["file"] for d in fault["adds"]} & set(listed)


def test_journey__posters__are_participants_and_event_ids_are_unique():
    directory = Directory.load(JOURNEY / "participants.json")
    for document in index()["documents"]:
        directory.participant(document["as"])
    ids = [(e["eventID"], "errorDeclaration" in e) for _, e in events()]
    assert len(ids) == len(set(ids))


def test_journey__containers__have_valid_check_digits():
    numbers = {epc.removeprefix("urn:epc:id:bic:") for _, e in events() for epc in e.get("epcList", [])
               if epc.startswith("urn:epc:id:bic:")}
    assert len(numbers) == 9
    assert [n for n in numbers if container_number_fault(n)] == []


def test_journey__references__point_to_earlier_events():
    seen: set[str] = set()
    for file, event in events():
        for field in ("cl:reference", "cl:normEvent"):
            if field in event:
                assert event[field] in seen, (file, field)
        seen.add(event["eventID"])


@pytest.mark.parametrize("book", BOOKS)
def test_declarations_csv__against_documents__agrees(book):
    cleared = {e["epcList"][0]: e["eventTime"] for e in kind("CLEAR")}
    exited = {e["bizTransactionList"][0]["bizTransaction"]: e["eventTime"] for e in kind("EXIT_CONFIRM")}
    declared = {}
    for event in kind("DECLARE"):
        content = event.get("cl:declaration")
        if content and content["enterprise"] == BOOKS[book]:
            name = event["epcList"][0]
            assert name == f"urn:cargoledger:line:{content['declaration']}:{content['line']}"
            declared[name] = {
                **{k: content[k] for k in ("declaration", "line", "direction", "regime", "code", "description", "hs",
                                           "origin", "quantity", "uom", "value", "currency", "partner")},
                "registered_at": content["registeredAt"], "cleared_at": cleared[name],
                "exit_confirmed_at": exited.get(name, ""), "duty_rate": content["dutyRate"],
                "original_declaration": content["originalDeclaration"], "original_line": content["originalLine"]}
            assert content["registeredAt"] == event["eventTime"]
    rows = {f"urn:cargoledger:line:{r['declaration']}:{r['line']}": r for r in table(book, "declarations")}
    assert rows == declared


@pytest.mark.parametrize("book", BOOKS)
def test_norms_csv__against_documents__agrees(book):
    declared = [
        {"product": n["product"], "material": row["material"], "norm": row["norm"], "product_uom": n["productUom"],
         "material_uom": row["materialUom"], "flag": row["flag"], "valid_from": n["validFrom"],
         "valid_to": n["validTo"], "loss_rate": row["lossRate"]}
        for e in kind("DECLARE") if e.get("cl:book") == book and "cl:norm" in e
        for n in [e["cl:norm"]] for row in n["lines"]]
    assert table(book, "norms") == declared


def test_opening_csv__against_documents__agrees():
    stock = {"RAW": "material", "WIP": "wip", "FINISHED": "product", "SCRAP": "scrap"}
    (event,) = kind("OPENING")
    lines = {line["id"]: line for line in event["cl:lines"]}
    stated = [{"at": "2025-01-01", "stock": stock[lines[q["epcClass"]]["balance"]],
               "code": lines[q["epcClass"]]["material"]["code"], "lot": q["epcClass"].rpartition(":")[2],
               "quantity": str(q["quantity"]), "uom": q["uom"], "place": event["readPoint"]["id"]}
              for q in event["quantityList"]]
    assert table("thanh-lam-sxxk", "opening") == stated
    assert table("an-khe-gc", "opening") == []


@pytest.mark.parametrize("book", BOOKS)
def test_counts_csv__against_documents__agrees(book):
    counted = [row for e in kind("COUNT") if e["cl:book"] == book for row in e["cl:counts"]]
    assert table(book, "counts") == counted
    for event in kind("COUNT"):
        listed = {(q["epcClass"].rpartition(":")[2], str(q["quantity"]), q["uom"]) for q in event["quantityList"]}
        assert listed == {(r["lot"], r["quantity"], r["uom"]) for r in event["cl:counts"]}


def test_counts_csv__against_a_plain_sum_of_the_documents__agrees():
    """Store and line by lot, added up from the documents alone, end at what was counted."""
    held: dict[tuple[str, str], Decimal] = defaultdict(Decimal)

    def move(event, source, target):
        for q in event["quantityList"]:
            if source:
                held[q["epcClass"], source] -= Decimal(q["quantity"])
            if target:
                held[q["epcClass"], target] += Decimal(q["quantity"])

    balance_of_role = {"PRODUCT": "FINISHED", "CO_PRODUCT": "FINISHED", "SCRAP": "SCRAP"}
    for _, e in events():
        roles = {line["id"]: line for line in e.get("cl:lines", [])}
        match e["cl:kind"]:
            case "OPENING":
                for q in e["quantityList"]:
                    held[q["epcClass"], roles[q["epcClass"]]["balance"]] += Decimal(q["quantity"])
            case "RECEIVE_FACTORY" | "RECEIVE_DOMESTIC":
                move(e, None, "RAW")
            case "ISSUE_PROD":
                move(e, "RAW", "WIP")
            case "RETURN_PROD":
                move(e, "WIP", "RAW")
            case "EXPORT_LOAD":
                move(e, "FINISHED", None)
            case "REPURPOSE" | "SELL_INLAND" | "SCRAP_OUT":
                move(e, e["cl:lines"][0]["balance"], None)
            case "TRANSFORM":
                for q in e["inputQuantityList"]:
                    held[q["epcClass"], "WIP"] -= Decimal(q["quantity"])
                for q in e["outputQuantityList"]:
                    held[q["epcClass"], balance_of_role[roles[q["epcClass"]]["role"]]] += Decimal(q["quantity"])
            case "SPLIT":
                (parent,) = [q["epcClass"] for q in e["quantityList"] if roles[q["epcClass"]]["role"] == "INPUT"]
                for q in e["quantityList"]:
                    if q["epcClass"] != parent:
                        held[parent, roles[q["epcClass"]]["balance"]] -= Decimal(q["quantity"])
                        held[q["epcClass"], roles[q["epcClass"]]["balance"]] += Decimal(q["quantity"])
            case "MERGE":
                (made,) = [q for q in e["quantityList"] if roles[q["epcClass"]]["role"] == "OUTPUT"]
                for (name, balance), amount in list(held.items()):
                    if name in roles and name != made["epcClass"]:
                        held[name, balance] -= amount
                        held[made["epcClass"], balance] += amount
                assert sum(q for (n, _), q in held.items() if n == made["epcClass"]) == made["quantity"], e["eventID"]
        assert min(held.values(), default=Decimal(0)) >= 0, e["eventID"]
    stock = {"RAW": "material", "WIP": "wip", "FINISHED": "product", "SCRAP": "scrap"}
    left = {(name.rpartition(":")[2], stock[b]): q for (name, b), q in held.items() if q}
    counted = {(r["lot"], r["stock"]): Decimal(r["quantity"]) for b in BOOKS for r in table(b, "counts")}
    assert left == counted


def test_irregularities__planted__at_least_six_with_a_catcher_and_a_quantity():
    planted = index()["irregularities"]
    assert len(planted) >= 6
    for fault in planted:
        assert fault["caught_by"], fault["name"]
        assert fault["findings"], fault["name"]
        for finding in (f for f in fault["findings"] if f["uom"] not in ("", "HUR")):
            assert Decimal(finding["difference"]) == Decimal(finding["observed"]) - Decimal(finding["expected"])


def test_journey_readme__figures_and_files_it_names__are_those_of_the_folder():
    text = (JOURNEY / "README.md").read_text("utf-8")
    told = list(events())
    assert f"{len(index()['documents'])} EPCIS 2.0 documents with {len(told)} events" in text
    for fault in index()["irregularities"]:
        assert f"`{fault['name']}`" in text
        assert all(catcher in text for catcher in fault["caught_by"])
    for participant in Directory.load(JOURNEY / "participants.json").participants:
        assert f"`{participant.id}`" in text
    for name in ("0100-red-delta-line-discharge-a.json", "0370-thanh-lam-garment-receive-a.json",
                 "0590-thanh-lam-garment-transform-1.json"):
        assert name in text and (JOURNEY / "documents" / name).is_file()
