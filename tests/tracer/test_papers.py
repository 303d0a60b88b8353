"""Papers as PDF: every figure of the JSON is on the page, heads and page numbers on every page, the same bytes."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from enterprise import Plan, clean_book, plans
from hypothesis import given, settings
from pypdf import PdfReader

from ledger.errors import InputError, TooLargeError
from tracer.check import examine
from tracer.facts import Facts
from tracer.papers import pdf as module
from tracer.papers.kinds import PAPERS, paper_kind, pdf_of
from tracer.papers.pdf import wrapped
from tracer.quantity import grouped
from tracer.settlement import settle_facts
from tracer.settlement.sheets import SHEETS, SheetLayout

NUMBER = re.compile(r"-?\d[\d,]*(?:\.\d+)?")
VIETNAMESE = "Vải dệt thoi từ sợi polyeste, nhuộm – khổ 58 inch; ẰẴẶẬỄỘỞỮỴ ầẫậềếổỗớừứỷ đĐ"


def documents(book: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
    facts = Facts(book or clean_book())
    return settle_facts(facts).to_json(), examine(facts).to_json()


def printed(file: bytes) -> list[str]:
    """Text of each page, as a reader that knows nothing of us finds it."""
    return [page.extract_text() for page in PdfReader(BytesIO(file)).pages]


def figures(document: dict[str, Any], report: dict[str, Any], sheets: tuple[SheetLayout, ...]) -> Counter[str]:
    """Every number that the layouts take from the JSON, with how often it must stand on the paper."""
    found: Counter[str] = Counter()
    for layout in sheets:
        rows = list(layout.rows(document, report))
        for row in rows:
            for column in layout.columns:
                value = str(row.get(column.key) if row.get(column.key) is not None else "")
                if column.numeric and NUMBER.fullmatch(value):
                    found[value] += 1
    return found


@settings(max_examples=12)
@given(plans)
def test_settlement__any_clean_book__every_figure_of_the_json_is_on_the_paper(plan: Plan) -> None:
    document, report = documents(clean_book(plan))
    for kind in (PAPERS["settlement"], PAPERS["exemption"]):  # the others: test_abroad
        wanted = figures(document, report, kind.printed)
        assert wanted
        seen = Counter(word.replace(",", "") for page in printed(pdf_of(kind, document, report)) for word in NUMBER.findall(page))
        missing = {number: count for number, count in wanted.items() if seen[number] < count}
        assert not missing, (kind.name, missing)


def test_figures__one_digit_wrong_on_the_paper__would_be_seen() -> None:
    document, report = documents()
    kind = PAPERS["settlement"]
    wanted = figures(document, report, kind.printed)
    document["form15"][0]["opening"] = "241"
    seen = Counter(word.replace(",", "") for page in printed(pdf_of(kind, document, report)) for word in NUMBER.findall(page))
    assert {number for number, count in wanted.items() if seen[number] < count} == {"240"}


def test_form__row_by_row__figures_stand_in_the_order_of_the_columns() -> None:
    document, report = documents()
    text = printed(pdf_of(PAPERS["settlement"], document, report))[0]
    for row in document["form15"]:
        order = [grouped(row[key]) for key in ("opening", "received", "re_exported", "repurposed", "issued", "other_issue", "closing")]
        line = next(line for line in text.replace("\n", " ").split(f" {row['code']} ")[1:2])
        assert NUMBER.findall(line)[:7] == order


def test_text__vietnamese_decomposed_or_not__reads_back_whole() -> None:
    import unicodedata

    for form in ("NFC", "NFD"):
        book = clean_book()
        book = replace(book, descriptions={"M0": unicodedata.normalize(form, VIETNAMESE)})
        pages = printed(pdf_of(PAPERS["settlement"], *documents(book)))
        assert VIETNAMESE.replace(" ", "") in "".join(pages[0].split())
        assert "BÁO CÁO QUYẾT TOÁN TÌNH HÌNH SỬ DỤNG NGUYÊN LIỆU, VẬT TƯ NHẬP KHẨU" in pages[0]
        assert not any("\ufffd" in page for page in pages)


def test_text__character_that_the_font_lacks__marked_counted_and_never_dropped() -> None:
    pages = printed(pdf_of(PAPERS["settlement"], *documents(replace(clean_book(), descriptions={"M1": "Chỉ 面料 \x07\U0001f9f5"}))))
    assert "Chỉ \ufffd\ufffd \ufffd\ufffd" in pages[0]
    assert "characters that this font does not have" in pages[-1]


def test_pages__table_over_many__head_again_on_each_and_page_n_of_m() -> None:
    document, report = documents()
    row = document["form15"][0]
    document["form15"] = [{**row, "no": n, "code": f"CODE-{n:04d}", "opening": f"{n}.5"} for n in range(1, 301)]
    pages = printed(pdf_of(PAPERS["settlement"], document, report))
    of_form = [page for page in pages if "15 · " in page]
    assert len(of_form) > 5
    for number, page in enumerate(pages, 1):
        assert f"page {number} of {len(pages)}" in page
    for page in of_form:
        assert "Material code" in page and "(11)" in page
    codes = [code for page in of_form for code in re.findall(r"CODE-\d{4}", page)]
    assert codes == [f"CODE-{n:04d}" for n in range(1, 301)]
    outline = PdfReader(BytesIO(pdf_of(PAPERS["settlement"], document, report))).outline
    reader = PdfReader(BytesIO(pdf_of(PAPERS["settlement"], document, report)))
    places = {entry.title: reader.get_destination_page_number(entry) for entry in outline}
    assert places["15"] == 0 and places["15a"] == len(of_form)


def test_pages__row_longer_than_a_page__goes_on_and_nothing_is_lost() -> None:
    document, report = documents()
    words = [f"word{n}" for n in range(150)]
    document["form15"][1]["name"] = " ".join(words)
    document["form15"][2]["code"] = "C" * 400
    text = "".join("".join(printed(pdf_of(PAPERS["settlement"], document, report))).split())
    assert all(word in text for word in words) and text.count("C" * 10) >= 40


def test_pages__more_than_one_paper_has__said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGES_MAX", 2)
    with pytest.raises(TooLargeError, match="more than 2 pages"):
        pdf_of(PAPERS["settlement"], *documents())


def test_bytes__same_document__same_whenever_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    first = pdf_of(PAPERS["settlement"], *documents())
    monkeypatch.setattr("time.time", lambda: 1_000_000_000.0)
    monkeypatch.setenv("TZ", "Asia/Ho_Chi_Minh")
    assert pdf_of(PAPERS["settlement"], *documents()) == first
    assert pdf_of(PAPERS["exemption"], *documents()) != first


@pytest.mark.parametrize(("text", "said"), [("12000.5", "12,000.5"), ("-1234567.000001", "-1,234,567.000001"), ("0", "0"), ("x1", "x1"), ("0.5", "0.5")])
def test_grouped__numbers__thousands_apart_and_no_digit_lost(text: str, said: str) -> None:
    assert grouped(text) == said


def test_wrapped__words_and_ids__each_line_fits_and_all_letters_are_there() -> None:
    pdf_of(PAPERS["exemption"], *documents())  # registers the font
    text = "0x" + "ab" * 64 + " a short word " + "W" * 90
    lines = wrapped(text, "CargoLedger", 7.5, 100)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(module._measure(line, "CargoLedger", 7.5) <= 100 for line in lines)


def test_paper__of_no_name_that_there_is__said() -> None:
    with pytest.raises(InputError, match="'invoice' is no paper"):
        paper_kind("invoice")
    assert {sheet.name for sheet in PAPERS["settlement"].sheets} == {sheet.name for sheet in SHEETS}
