"""The tables that may stand beside a book: each is read from CSV and XLSX alike, and a malformed row is named with its remedy."""

from __future__ import annotations

import csv
import io
from dataclasses import fields
from pathlib import Path

import pytest
from openpyxl import Workbook

from tracer.beside import Beside
from tracer.check import examine
from tracer.files import read_book
from tracer.files.beside_tables import BESIDE
from tracer.files.columns import Table
from tracer.files.example import write_example
from tracer.files.reading import BookFolder
from tracer.rules import rule
from tracer.seal_numbers import seal_key
from tracer.spelling import container_name

ROWS = {
    "documents": "number,type,sha256,picture,date,declaration,line\nINV-1,invoice," + "0a" * 32 + ",00ff00ff00ff00ff,2026-02-01,106000000001,1",
    "on_spot": "declaration,line,import_declaration,registered,notified,quantity,uom,related\n"
               "305000000001,1,107000000001,2026-05-01,2026-05-02,900.5,C62,no",
    "remedies": "origin,market,hs,valid_from,source\nCN,US,540752,2020-01-01,A-570",
    "signers": "signer,actor,roles,place,valid_from,revoked\nK-1,dmg-garment,ISSUE_PROD,factory,2025-01-01,2027-01-01",
    "devices": "device,owner,place,calibrated_to\nSCALE,terminal,port,2027-01-01",
    "manifest": "unit,voyage,due,quantity,landed,uom\nBL-001/TGHU5005002,V-1,2026-02-01,24000,24000,KGM",
    "seal_ranges": "issuer,first,last,source\ncarrier,ML500000,ML599999,carrier",
    "seal_readings": "seal,at,status,place,latitude,longitude\nE-1,2026-02-01T08:00,closed,port,20.8,106.7",
    "densities": "code,low,high,from_temperature,to_temperature\nOIL,0.915,0.925,10,25",
    "reliefs": "claim,kind,declaration,line,quantity,uom,at\nR-1,refund,106000000001,1,10,MTR,2026-06-01",
    "serials": "lot,serial\nZIP-01,SN-1",
    "contracts": "contract,ends,partner,settled\nHD-1,2026-06-30,Nordfjell,2026-07-10",
    "notices": "partner,notified,contract,owned\nstitch,2026-01-05,HD-2,60",
    "scrap_book": "code,uom,opening,generated,sold,destroyed,recycled,closing\nCUT,KGM,0,10,4,1,0,5",
}
BROKEN = {
    "documents": ("INV-2,,zz,,,106000000001,1", "sha256"), "on_spot": (",1,1,,,,,", "declaration"),
    "remedies": ("CN,,5407,,", "market"), "signers": ("K-2,,,,,", "actor"), "devices": ("S,,,soon", "calibrated_to"),
    "manifest": ("X,V,,many,,", "quantity"), "seal_ranges": ("carrier,ML9,ML1,carrier", "last"),
    "seal_readings": ("E-1,2026-02-01T08:00,ajar,,,", "status"), "densities": ("OIL,0,1,,", "low"),
    "reliefs": ("R-2,refund,,,,,", "declaration"), "serials": ("ZIP-01,", "serial"), "contracts": ("HD-1,,,", "ends"),
    "notices": ("stitch,never,,", "notified"), "scrap_book": ("CUT,KGM,0,10,4,1,0,", "closing"),
}
IDS = [t.name for t in BESIDE]


def book(folder: Path, table: str, text: str, *, xlsx: bool = False) -> BookFolder:
    write_example(folder)
    if xlsx:
        sheet = Workbook()
        assert sheet.active is not None
        for row in csv.reader(io.StringIO(text)):
            sheet.active.append(row)
        sheet.save(folder / f"{table}.xlsx")
    else:
        (folder / f"{table}.csv").write_text(text, encoding="utf-8")
    return read_book(folder)


def test_tables__records_and_their_columns__are_of_one_name() -> None:
    assert {t.name for t in BESIDE} == {f.name for f in fields(Beside)} == set(ROWS) == set(BROKEN)


@pytest.mark.parametrize("table", BESIDE, ids=IDS)
def test_table__from_csv_and_xlsx__is_the_same_record(tmp_path: Path, table: Table) -> None:
    one, other = (book(tmp_path / str(x), table.name, ROWS[table.name] + "\n", xlsx=x) for x in (False, True))
    assert [str(f) for f in (*one.faults.found, *one.faults.notes)] == []
    (record,) = getattr(one.book.beside, table.name)
    assert getattr(other.book.beside, table.name) == (record,)
    stated = {k: v for k, v in zip(*csv.reader(io.StringIO(ROWS[table.name])), strict=True) if v}
    held = {f.name for f in fields(record) if getattr(record, f.name) not in (None, "")}
    assert len(held) >= len(stated) - 1 - ("uom" in stated and table.name in ("reliefs", "scrap_book")), (stated, held)


@pytest.mark.parametrize("table", BESIDE, ids=IDS)
def test_table__a_malformed_row__is_named_with_its_remedy_and_the_rest_counts(tmp_path: Path, table: Table) -> None:
    row, column = BROKEN[table.name]
    read = book(tmp_path / "b", table.name, f"{ROWS[table.name]}\n{row}\n")
    assert [(f.file, f.row, f.column) for f in read.faults.found] == [(f"{table.name}.csv", 3, column)]
    assert read.faults.found[0].remedy and len(getattr(read.book.beside, table.name)) == 1


@pytest.mark.parametrize("table", BESIDE, ids=IDS)
def test_table__not_there_or_empty__is_not_the_same(tmp_path: Path, table: Table) -> None:
    heading = ROWS[table.name].splitlines()[0]
    assert getattr(book(tmp_path / "b", table.name, heading + "\n").book.beside, table.name) == ()
    write_example(tmp_path / "a")
    assert getattr(read_book(tmp_path / "a").book.beside, table.name) is None


def test_reliefs__in_another_unit__are_converted_or_told(tmp_path: Path) -> None:
    text = "claim,kind,declaration,line,quantity,uom\nR-1,refund,106000000001,1,{q},{uom}\n"
    square = book(tmp_path / "a", "reliefs", text.format(q="15", uom="MTK")).book.beside.reliefs
    assert square and square[0].quantity == 10_000_000  # a metre of fabric is 1.5 square metres
    unknown = book(tmp_path / "b", "reliefs", text.format(q="15", uom="FOT"))
    assert unknown.book.beside.reliefs == () and "no factor from FOT" in unknown.faults.found[0].message


def test_movements__steps_seals_scales_and_prices__reach_the_events(tmp_path: Path) -> None:
    write_example(tmp_path / "b")
    path = tmp_path / "b" / "movements.csv"
    heading = path.read_text("utf-8").splitlines()[0].split(",")
    cells = {"id": "OBS-1", "at": "2026-02-02T09:00", "kind": "OBSERVE", "role": "container", "lot": "BL-001/TGHU5005002",
             "step": "WEIGH", "seals": "ML1 ML2", "customs_seals": "HQ1", "broken_seals": "ML2 X9", "gross_kg": "24010.5", "tare_kg": "3900",
             "temperature_c": "-18.5", "signer": "K-1", "device": "SCALE", "document": "W-7"}
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, heading, lineterminator="\n").writerow(cells)
    read = read_book(tmp_path / "b")
    assert [str(f) for f in read.faults.found] == []
    event = next(e for e in read.book.events if e.id == "OBS-1")
    assert (event.step.name, event.seals, event.customs_seals) == ("WEIGH", ("ML1", "ML2", "HQ1", "X9"), ("HQ1",))
    assert event.broken_seals == ("ML2", "X9")
    (finding,) = examine(read.book, [rule("S2")]).findings
    assert (finding.severity, finding.difference) == ("high", "2") and "ML2, X9 found broken" in finding.explanation
    assert event.weighing is not None and event.weighing.gross_micro == 24_010_500_000 and event.weighing.tare_micro == 3_900_000_000
    more = event.more
    assert (more.signer, more.device, str(more.temperature), more.documents[0].number) == ("K-1", "SCALE", "-37/2", "W-7")


def test_movements__container_written_in_two_ways__is_one(tmp_path: Path) -> None:
    write_example(tmp_path / "b")
    path = tmp_path / "b" / "movements.csv"
    heading = path.read_text("utf-8").splitlines()[0].split(",")
    rows = [("ARRIVE", "BL-7/csqu 305438-3", "ML0001", "24000"), ("ELIGIBLE", "BL-7/CSQU3054383", "", ""),
            ("GATE_OUT", "BL-7/СSQU305438 3", "ML0002", "23000")]  # the third begins with a Cyrillic letter
    with path.open("a", encoding="utf-8", newline="") as file:
        for n, (kind, unit, seal, gross) in enumerate(rows):
            csv.DictWriter(file, heading, lineterminator="\n").writerow({
                "id": f"Z-{n}", "at": f"2026-02-02T0{n + 1}:00", "kind": kind, "role": "container", "lot": unit, "seals": seal,
                "gross_kg": gross, "tare_kg": gross and "3900", "actor": "" if kind == "ELIGIBLE" else "terminal"})
    (tmp_path / "b" / "manifest.csv").write_text("unit\nBL-7/CSQU305438-3\n", encoding="utf-8")
    read = read_book(tmp_path / "b")
    assert [str(f) for f in read.faults.found] == []
    results = examine(read.book, [rule(name) for name in ("S1", "W1", "S6", "C1", "C6", "C8")]).findings
    assert {(f.rule, f.subject_id) for f in results if f.subject_id.startswith("BL-7/")} == {
        ("S1", "BL-7/CSQU3054383"), ("W1", "BL-7/CSQU3054383")}
    assert container_name("BL 7/Truck 7") == "BL 7/Truck 7" and seal_key("нq-0001") == seal_key("HQ0001")
