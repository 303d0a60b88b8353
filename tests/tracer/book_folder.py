"""A book in memory as the folder an accountant would export, and the journey as a file of signed events."""

from __future__ import annotations

import json
from pathlib import Path

from journey_index import JOURNEY, story

from ledger.vocabulary import Kind, LineRole, Origin, Thing
from tracer.beside import Document
from tracer.book import BookData, Count, Event, Leg
from tracer.files.example import csv_text
from tracer.files.tables import STOCK_KINDS
from tracer.moment import Span, iso, iso_day
from tracer.quantity import micro_text, ratio_text

Row = dict[str, str]
_ROLES = {LineRole.CO_PRODUCT: "co-product", LineRole.SCRAP: "scrap", LineRole.SEMI_FINISHED: "semi",
          LineRole.PRODUCT: "product"}
CUSTODY = {Kind.OFFER, Kind.ACCEPT, Kind.HOLD, Kind.UNHOLD}


def settings(path: Path, book: BookData) -> None:
    path.mkdir(parents=True, exist_ok=True)
    (path / "book.toml").write_text(
        f'id = "{book.id}"\nenterprise = "{book.enterprise}"\nregime = "{book.regime}"\nname = "{book.name}"\n'
        f'[period]\nfrom = "{iso_day(book.period.start_ms, book.offset)}"\n'
        f'to = "{iso_day(book.period.end_ms, book.offset)}"\n', encoding="utf-8")


def write_events(path: Path, book: BookData, *faults: str) -> Path:
    """The journey's documents, one a line, with who posted each."""
    settings(path, book)
    with (path / "events.jsonl").open("w", encoding="utf-8") as file:
        for _, poster, document in story(*faults):
            file.write(json.dumps({"as": poster, "document": json.loads(document.read_text("utf-8"))}) + "\n")
    (path / "participants.json").write_text((JOURNEY / "participants.json").read_text("utf-8"), encoding="utf-8")
    return path


def write_movements(path: Path, book: BookData) -> Path:
    """Everything of the book that a row can say: stock, handovers of lots, declarations, norms, counts, factors."""
    settings(path, book)
    files: dict[str, list[Row]] = {
        "declarations": [_declaration(book, line) for line in book.lines],
        "norms": [{"product": n.product, "material": n.material, "norm": ratio_text(n.norm, 9),
                   "product_uom": n.product_uom, "material_uom": n.material_uom, "flag": n.flag,
                   "valid_from": _at(n.valid_from, book), "valid_to": _at(n.valid_to, book),
                   "loss_rate": ratio_text(n.loss_rate or 0 * n.norm, 9)} for n in book.norms],
        "counts": [_stock(c, book) for c in book.counts],
        "conversions": [{"code": c.code, "from_uom": c.from_uom, "to_uom": c.to_uom, "factor": ratio_text(c.factor, 9)}
                        for c in book.conversions],
        "codes": [{"internal": c, "declared": c, "description": d} for c, d in book.descriptions.items()],
        "opening": [], "movements": []}
    if book.places is not None:
        files["places"] = [{"place": p.id, "name": p.name, "kind": p.kind, "custodian": p.custodian,
                            "valid_from": _at(p.valid_from, book), "valid_to": _at(p.valid_to, book)} for p in book.places]
    if book.previous is not None:
        files["previous"] = [_stock(c, book) for c in book.previous]
    for event in book.events:
        if event.kind == Kind.OPENING:
            files["opening"] += [_opening(event, leg, book) for leg in event.legs]
        elif (event.kind in STOCK_KINDS and event.kind != Kind.COUNT) or (
                event.kind in CUSTODY and all(leg.code for leg in event.legs)):
            files["movements"] += _rows(event, book)
    papers = [_paper(event, paper) for event in book.events for paper in event.more.documents if paper.sha256]
    if papers:
        files["documents"] = papers
    for name, rows in files.items():
        (path / f"{name}.csv").write_text(csv_text(name, rows), encoding="utf-8")
    return path


def _paper(event: Event, paper: Document) -> Row:
    declaration, _, line = (event.line or next((x.unit for x in event.legs if x.thing == Thing.NONE), "")).rpartition("/")
    return {"number": paper.number, "type": paper.type, "sha256": paper.sha256, "declaration": declaration, "line": line,
            "event": event.id}


def _at(span: Span | None, book: BookData) -> str:
    if span is None:
        return ""
    return iso(span.start_ms, book.offset) if span.start_ms == span.end_ms else iso_day(span.start_ms, book.offset)


def _lot(name: str) -> str:
    return name.partition("/")[2] or name


def _declaration(book: BookData, line: object) -> Row:
    from tracer.book import DeclarationLine

    assert isinstance(line, DeclarationLine)
    declaration, _, number = line.key.rpartition("/")
    original, _, original_line = line.original.rpartition("/")
    exports = line.purpose in (LineRole.EXPORT, LineRole.RE_EXPORT)
    return {"declaration": declaration, "line": number, "direction": "export" if exports else "import",
            "regime": line.regime, "registered_at": _at(line.registered, book), "cleared_at": _at(line.cleared, book),
            "code": line.code, "description": line.description, "hs": line.hs, "origin": line.origin,
            "quantity": micro_text(line.quantity_micro), "uom": line.uom,
            "value": "" if line.value is None else ratio_text(line.value, 3), "currency": line.currency,
            "duty_rate": "" if line.duty_rate is None else ratio_text(line.duty_rate * 100, 3), "partner": line.partner,
            "original_declaration": original, "original_line": original_line}


def _stock(count: Count, book: BookData) -> Row:
    return {"at": _at(count.at, book), "stock": count.stock, "code": count.code, "lot": _lot(count.lot),
            "quantity": micro_text(count.quantity_micro), "uom": count.uom, "place": count.place}


def _opening(event: Event, leg: Leg, book: BookData) -> Row:
    from tracer.balance import stock_kind

    lot = next(x for x in book.lots if x.id == leg.unit)
    kind = stock_kind(lot, leg.balance)
    return {"at": iso_day(book.period.start_ms, book.offset), "stock": "material" if kind == "semi" else kind,
            "code": leg.code, "lot": _lot(leg.unit), "quantity": micro_text(leg.quantity_micro), "uom": leg.uom,
            "origin": {Origin.IMPORTED: "imported", Origin.DOMESTIC: "domestic", Origin.OWN: "own"}[lot.origin]}


def _rows(event: Event, book: BookData) -> list[Row]:
    declaration, _, number = event.line.rpartition("/")
    op = event.id if event.kind in (Kind.SPLIT, Kind.MERGE, Kind.TRANSFORM) else ""
    rows: list[Row] = []
    for i, leg in enumerate(x for x in event.legs if x.code and x.thing.name == "LOT"):
        if not op or leg.role == LineRole.INPUT:
            side = "in" if op else ""
        else:
            side = "out"
        quantity = leg.quantity_micro
        whole = next((x for x in event.legs if x.role == LineRole.OUTPUT), None)
        if event.kind == Kind.MERGE and leg is whole and not quantity:
            quantity = sum(x.quantity_micro for x in event.legs)
        rows.append({
            "id": f"{event.id}#{i}" if op or len(event.legs) > 1 else event.id, "op": op, "side": side,
            "role": _ROLES.get(leg.role, ""), "code": leg.code, "lot": _lot(leg.unit),
            "quantity": micro_text(quantity) if quantity else "", "uom": leg.uom})
    rows += [{"id": f"{event.id}#loss{i}", "op": op, "side": "out", "role": "loss", "code": x.code,
              "quantity": micro_text(x.quantity_micro), "uom": x.uom} for i, x in enumerate(event.loss)]
    same = {"at": iso(event.occurred.start_ms, book.offset), "kind": event.kind.name, "declaration": declaration,
            "line": number, "product": event.product, "place": event.place, "actor": event.actor,
            "partner": event.counterparty, "container": next((x.unit for x in event.legs if x.thing == Thing.CONTAINER), ""), "recorded_at": iso(event.recorded_ms, book.offset), "reason": event.reason}
    return [{**same, **row} for row in rows]
