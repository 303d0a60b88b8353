"""The page that explains an unexplained quantity: figures that add up, each with its events, the same as the finding's."""

from __future__ import annotations

import json
import sys
from collections import Counter
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from enterprise import Plan, clean_book, plans
from hypothesis import given
from pypdf import PdfReader
from test_papers import NUMBER

from ledger.errors import InputError, NotFoundError
from tracer.check import examine
from tracer.facts import Facts
from tracer.files import read_book
from tracer.files.example import write_example
from tracer.files.example_faults import FAULTS, fault
from tracer.papers.evidence import SETTLES, settles
from tracer.papers.explain import document_of, leaves_unexplained
from tracer.papers.kinds import explained_pdf
from tracer.rules import RULES


def explained(folder: Path, name: str = "", about: str = "") -> tuple[dict[str, Any], dict[str, Any]]:
    """Document and report of the example book with a fault."""
    write_example(folder, fault(name).change if name else None)
    facts = Facts(read_book(folder).book)
    report = examine(facts)
    return document_of(facts, report, about), report.to_json()


def page(document: dict[str, Any], subject: str) -> dict[str, Any]:
    return next(p for p in document["explanations"] if p["subject"]["id"] == subject)


def side(one: dict[str, Any], name: str) -> Decimal:
    return sum((Decimal(f["quantity"]) for f in one["account"] if f["side"] == name), Decimal(0))


def check_sums(one: dict[str, Any]) -> None:
    """What came in is what is accounted for and what is not, exactly; every event named is described."""
    assert side(one, "in") == Decimal(one["came"])
    assert side(one, "in") == side(one, "out") + side(one, "rest")
    if one["subject"]["type"] in ("material", "product"):
        assert one["missing"] or side(one, "rest") == Decimal(one["unexplained"])
    told = {e["id"] for e in one["events"]}
    named = {i for f in (*one["account"], *one["short"]) for i in f["events"]} | {e["id"] for f in one["findings"] for e in f["evidence"]}
    assert named == told


@given(plans)
def test_material__of_any_clean_book__all_of_it_is_accounted_for(plan: Plan) -> None:
    facts = Facts(clean_book(plan))
    report = examine(facts)
    assert document_of(facts, report)["explanations"] == []
    for material in {lot.code for lot in facts.book.lots if facts.is_material(lot.code)}:
        one = document_of(facts, report, material)["explanations"][0]
        check_sums(one)
        assert one["unexplained"] == "0" and one["short"] == [] and one["findings"] == []
        assert "By the books every unit is accounted for." in one["says"]
        for figure in one["account"]:
            assert figure["events"] or figure["figure"] in ("unexplained", "closing_wip"), figure


@pytest.mark.parametrize("one", FAULTS, ids=lambda f: f.name)
def test_fault__of_the_example__every_page_adds_up_and_is_the_finding(one: Any, tmp_path: Path) -> None:
    document, report = explained(tmp_path / "book", one.name)
    wanted = {f["subject"]["id"] for f in report["findings"] if f["difference"] not in (None, "0") and f["uom"]
              and (f["rule"][0] in "BDLX" or f["rule"] in ("N1", "N6"))}
    assert {p["subject"]["id"] for p in document["explanations"]} == wanted
    for each in document["explanations"]:
        if each["account"]:
            check_sums(each)
        for finding in each["findings"]:
            assert finding in [{**f, "title": finding["title"], "reference": f"{f['rule']}:{f['subject']['id']}"} for f in report["findings"]]
            if finding["rule"] == "B6":
                assert Decimal(each["came"]) == Decimal(finding["expected"]) and Decimal(each["unexplained"]) == -Decimal(finding["difference"])
                assert sum(Decimal(s["short"]) for s in each["short"]) == Decimal(each["unexplained"])
                assert finding["duty_at_risk"] in (None, each["duty"]["by_policy"])
        assert each["says"] and each["settles"] and each["law"]
    if document["explanations"]:
        assert explained_pdf(document, report) == explained_pdf(document, report)


def test_inland_sale__of_fifty_jackets__materials_say_that_they_were_in_the_jackets(tmp_path: Path) -> None:
    """By hand: 50 jackets of 1.6 m; 3,000 m at 4,500 and 2,000 m at 4,560 dong of duty a metre."""
    document, _ = explained(tmp_path / "book", "undeclared-inland-sale")
    one = page(document, "FAB-PES")
    assert (one["came"], one["unexplained"]) == ("5560", "80")
    figures = {f["label"]: (f["side"], f["quantity"], f["how"]) for f in one["account"]}
    assert figures["Received"] == ("in", "5000", "on 2 import lines: 106000000001/1, 106000000002/1")
    assert figures["Left in JKT-01"] == ("out", "2720", "1,700 C62 × 1.6")
    assert figures["Inside JKT-01 at the end"] == ("out", "144", "90 C62 × 1.6, as counted on 2026-12-31")
    assert [(s["expected"], s["observed"], s["short"]) for s in one["short"]] == [("224", "144", "80")]
    assert "50 C62 of JKT-01 was not found; each holds 1.6 MTR." in one["short"][0]["why"]
    assert one["duty"] == {"quantity": "80", "policy": "SPECIFIC", "currency": "VND", "least": "360000", "most": "364800",
                           "by_policy": str(80 * (3000 * 4500 + 2000 * 4560) // 5000)}
    assert [(x["line"], x["received"], x["duty_per_unit"]) for x in one["import_lines"]] == [
        ("opening", "400", None), ("106000000001/1", "3000", "4500"), ("106000000002/1", "2000", "4560")]
    run = next(e for e in one["events"] if e["kind"] == "TRANSFORM") if any(e["kind"] == "TRANSFORM" for e in one["events"]) else None
    assert run is None or run["moved"]
    jackets = page(document, "JKT-01")
    assert jackets["unexplained"] == "50" and jackets["says"][3].startswith("90 C62 counted in store on 2026-12-31, 140 expected: 50 C62 short.")


def test_padded_norm__twelve_per_cent__less_was_taken_than_the_norm_says(tmp_path: Path) -> None:
    document, _ = explained(tmp_path / "book", "padded-norm")
    one = page(document, "FAB-PES")
    assert one["unexplained"] == "-345.6"
    assert one["short"][0] | {"events": []} == {
        "figure": "taken by production against the declared norms", "expected": "3295.6", "observed": "2950", "short": "-345.6",
        "uom": "MTR", "why": "Less was taken than the norms say: a norm is too high, or production was not recorded.", "events": []}
    assert "345.6 MTR more is accounted for than came in." in one["says"]


def test_about__finding_rule_material_lot_line__each_its_page(tmp_path: Path) -> None:
    write_example(tmp_path / "book", fault("phantom-export").change)
    facts = Facts(read_book(tmp_path / "book").book)
    report = examine(facts)
    for about, kind in (("X1:JKT-01", "product"), ("X1", "product"), ("FAB-PES", "material"), ("dmg-garment/JKT-02", "lot"),
                        ("305000000001/1", "line"), ("106000000001/1", "line")):
        one = document_of(facts, report, about)["explanations"]
        assert len(one) == 1 and one[0]["subject"]["type"] == kind, about
        check_sums(one[0])
    export = document_of(facts, report, "305000000003/1")["explanations"][0]
    assert (export["came"], export["left"], export["unexplained"]) == ("200", "200", None)  # declared, refused, never loaded
    held = document_of(facts, report, "dmg-garment/FAB-02")["explanations"][0]
    assert (held["left"], held["unexplained"]) == ("2000", None), "what lies in the store is not unexplained"
    product = document_of(facts, report, "X1")["explanations"][0]
    assert product["left"] is None
    for about, says in (("NOPE", "no material, product, lot"), ("B6:FAB-PES", "rule B6 found nothing about"), ("T1", "rule T1 found nothing in")):
        with pytest.raises(NotFoundError, match=says) as fault_of:
            document_of(facts, report, about)
        assert "X1:JKT-01" in fault_of.value.remedy


def test_pdf__of_every_page__figures_of_account_findings_and_lines_are_on_it(tmp_path: Path) -> None:
    document, report = explained(tmp_path / "book", "undeclared-inland-sale")
    text = [p.extract_text() for p in PdfReader(BytesIO(explained_pdf(document, report))).pages]
    seen = Counter(word.replace(",", "") for p in text for word in NUMBER.findall(p))
    wanted: Counter[str] = Counter()
    for one in document["explanations"]:
        wanted.update(f["quantity"] for f in one["account"])
        for s in one["short"]:
            wanted.update([s["expected"], s["observed"], s["short"]])
        for f in one["findings"]:
            wanted.update(x for x in (f["expected"], f["observed"], f["difference"], f["duty_at_risk"]) if x and NUMBER.fullmatch(x))
        for x in one["import_lines"]:
            wanted.update(v for v in (x["received"], x["value"], x["duty_per_unit"]) if v)
    assert {n: c for n, c in wanted.items() if seen[n] < c} == {}
    whole = " ".join(" ".join(text).split())
    for one in document["explanations"]:
        for sentence in one["says"]:
            assert sentence.split(":")[0] in whole
        for event in one["events"]:
            assert event["id"] in whole


def test_pdf__of_a_clean_book__says_that_there_is_nothing_to_print(tmp_path: Path) -> None:
    document, report = explained(tmp_path / "book")
    assert document["explanations"] == []
    with pytest.raises(InputError, match="nothing is unexplained"):
        explained_pdf(document, report)


def test_document__twice__same_bytes_and_only_text_numbers(tmp_path: Path) -> None:
    first, _ = explained(tmp_path / "a", "short-stock")
    second, _ = explained(tmp_path / "b", "short-stock")
    assert json.dumps(first) == json.dumps(second)
    assert not any(isinstance(v, int | float) for v in json.loads(json.dumps(first["explanations"][0]["account"][0])).values())


def test_settles__of_every_rule_that_leaves_a_quantity__has_words() -> None:
    assert set(SETTLES) <= {r.id for r in RULES}
    for rule in RULES:
        assert all(text.endswith(".") for text in settles(rule.id))
    assert leaves_unexplained.__doc__


@pytest.mark.parametrize("trade", ["garments", "electronics", "seafood", "furniture"])
def test_every_code__of_invented_enterprises_of_every_trade__is_accounted_for_to_the_last_unit(
    trade: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "path", [str(Path(__file__).resolve().parents[2] / "scripts"), *sys.path])
    from book_maker import enterprise

    enterprise.write_book(tmp_path / trade, trade, 3, 400)
    facts = Facts(read_book(tmp_path / trade).book)
    report = examine(facts, ())
    for code in sorted(facts.lots_of):
        one = document_of(facts, report, code)["explanations"][0]
        check_sums(one)
        assert one["unexplained"] in ("0", None) and not any(f["figure"] == "semi" for f in one["account"]), code
        assert all(f["events"] for f in one["account"] if f["side"] != "rest" and f["figure"] != "closing_wip"), code


def test_material__without_a_norm__the_store_is_told_and_nothing_is_said_to_be_explained(tmp_path: Path) -> None:
    document, _ = explained(tmp_path / "book", "missing-factor", "FAB-PES")
    one = document["explanations"][0]
    check_sums(one)
    assert one["missing"] and one["unexplained"] is None and "here is the store alone." in one["says"][0]
    assert "The store adds up." in one["says"] and not any("every unit" in sentence for sentence in one["says"])
    assert {f["figure"]: f["quantity"] for f in one["account"]} == {
        "opening": "400", "received": "5100", "issued": "3050", "closing": "2450", "unexplained": "0"}  # (5), (6), (9), (11) of form 15


def test_lot__of_which_a_part_is_missing__that_part_is_unexplained_and_not_what_lies_there(tmp_path: Path) -> None:
    write_example(tmp_path / "book", fault("stolen").change)
    facts = Facts(read_book(tmp_path / "book").book)
    lot = document_of(facts, examine(facts), "D9:dmg-garment/LIN-01")["explanations"][0]
    assert (lot["left"], lot["unexplained"]) == ("238", "2")
