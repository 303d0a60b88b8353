"""The chapters of the factories: stock and purchases, three orders of the garment maker, one of the other."""

from __future__ import annotations

from journey.documents import Story, drawn_from, event_id, make
from journey.lots import Amounts, hand_lot, move, new_lots, norm_id, produce, regroup, take_lot
from journey.papers import anchor, norm, paper
from journey.stock import OPENING
from journey.world import (
    A42_1,
    A42_2,
    AT_GARMENT,
    AT_PRINTER,
    BOOK_GARMENT,
    CUSTOMS_INLAND,
    GARMENT,
    PRINTER,
    SPORTS,
)


def begin(story: Story) -> None:
    """Opening stock, approved by customs; norms; the sales contract; thread and buttons bought inland."""
    story.post(
        GARMENT,
        "opening",
        make(
            "OPENING",
            "opening",
            "2025-01-02 09:00",
            AT_GARMENT,
            cl_book=BOOK_GARMENT,
            bizStep="stock_taking",
            **new_lots(GARMENT, OPENING),
        ),
    )
    story.post(
        CUSTOMS_INLAND,
        "approve-opening",
        make(
            "APPROVE",
            "approve-opening",
            "2025-01-03 10:00",
            AT_GARMENT,
            cl_reference=event_id(GARMENT, "2025-01-02", "opening"),
            cl_reason="agrees with the closing stock of 2024",
        ),
    )
    story.post(
        GARMENT,
        "norms",
        *[
            norm(p, GARMENT, f"2025-01-06 09:{10 * i:02d}")
            for i, p in enumerate(("JKT-M-01", "PCH-01", "TRS-M-03"))
        ],
    )
    story.post(
        GARMENT,
        "contract",
        anchor(
            "CONTRACT",
            "contract-NF-2025-04",
            "2025-01-08 15:00",
            AT_GARMENT,
            "CONTRACT",
            "NF-2025-04",
            GARMENT,
        ),
    )
    buy_inland(story, "thread-1", "2025-01-15 14:00", {"THR-2501": ("THR-PES-40", "120")}, "VAT-0001182")
    buy_inland(story, "buttons", "2025-01-16 09:30", {"BUT-2501": ("BUT-RES-20", "40000")}, "VAT-0000417")
    buy_inland(story, "thread-2", "2025-06-02 13:30", {"THR-2506": ("THR-PES-40", "80")}, "VAT-0001329")


def buy_inland(story: Story, tag: str, at: str, rows: Amounts, invoice: str) -> None:
    """Material bought inside the country with an invoice."""
    lots = [(n, code, amount, "RAW", "OUTPUT") for n, (code, amount) in rows.items()]
    story.post(
        GARMENT,
        f"buy-{tag}",
        make(
            "RECEIVE_DOMESTIC",
            f"buy-{tag}",
            at,
            AT_GARMENT,
            action="ADD",
            bizStep="receiving",
            bizLocation=AT_GARMENT,
            cl_book=BOOK_GARMENT,
            cl_documents=paper("INVOICE", invoice),
            **new_lots(GARMENT, lots),
            bizTransactionList=[
                {"type": "inv", "bizTransaction": f"https://{GARMENT}.example/invoices/{invoice}"}
            ],
        ),
    )


def spring(story: Story) -> None:
    """Jackets and pouches: the first order, from issue to the export lot."""
    story.post(
        GARMENT,
        "merge-fabric",
        regroup(
            "MERGE",
            "merge-FAB-2502",
            "2025-02-24 09:00",
            ["FAB-2502-1", "FAB-2502-2"],
            [("FAB-2502", "16000")],
            "FAB-PES-150",
            "RAW",
        ),
    )
    issue: Amounts = {
        "FAB-OPEN": ("FAB-PES-150", "2400"),
        "FAB-2502": ("FAB-PES-150", "7600"),
        "LIN-OPEN": ("LIN-PES-110", "1000"),
        "LIN-2502": ("LIN-PES-110", "6200"),
        "PAD-2502": ("PAD-PES-100", "5400"),
        "ZIP-2502": ("ZIP-NY-60", "18000"),
        "THR-2501": ("THR-PES-40", "74"),
        "BUT-OPEN": ("BUT-RES-20", "6000"),
        "BUT-2501": ("BUT-RES-20", "18000"),
    }
    story.post(
        GARMENT,
        "issue-1",
        move(
            "ISSUE_PROD",
            "issue-1",
            "2025-03-03 07:30",
            GARMENT,
            issue,
            "RAW",
            bizStep="picking",
            cl_product="JKT-M-01",
        ),
    )
    used = {**issue, "FAB-2502": ("FAB-PES-150", "7400")}
    produce(
        story,
        GARMENT,
        "1",
        "2025-03-28 17:00",
        used,
        [
            ("JKT-2503", "JKT-M-01", "6000", "PRODUCT"),
            ("PCH-2503", "PCH-01", "2000", "CO_PRODUCT"),
            ("SCR-FAB-2503", "FAB-PES-150", "392", "SCRAP"),
            ("SCR-LIN-2503", "LIN-PES-110", "216", "SCRAP"),
            ("SCR-PAD-2503", "PAD-PES-100", "108", "SCRAP"),
        ],
        {"FAB-PES-150": "98", "LIN-PES-110": "72", "PAD-PES-100": "54"},
        norm_id("JKT-M-01"),
        "PO-2503-01",
    )
    story.post(
        GARMENT,
        "return-1",
        move(
            "RETURN_PROD",
            "return-1",
            "2025-03-31 16:00",
            GARMENT,
            {"FAB-2502": ("FAB-PES-150", "200")},
            "WIP",
            bizStep="stocking",
        ),
    )
    story.post(
        GARMENT,
        "split-jackets",
        regroup(
            "SPLIT",
            "split-JKT-2503",
            "2025-04-02 10:00",
            ["JKT-2503"],
            [("JKT-2503-E", "5500")],
            "JKT-M-01",
            "FINISHED",
        ),
    )


def summer(story: Story) -> None:
    """Printing outside, trousers, and 400 m of fabric sold inland after a change of purpose."""
    story.post(
        GARMENT,
        "split-print",
        regroup(
            "SPLIT",
            "split-FAB-2505",
            "2025-05-22 08:00",
            ["FAB-2505"],
            [("FAB-2505-P", "5000")],
            "FAB-PES-150",
            "RAW",
        ),
    )
    printing(story)
    inland = {"FAB-2502": ("FAB-PES-150", "400")}
    story.post(
        GARMENT,
        "repurpose",
        move(
            "REPURPOSE",
            "repurpose",
            "2025-05-27 15:00",
            GARMENT,
            inland,
            "RAW",
            bizTransactionList=drawn_from(A42_1, 1),
            cl_reason="surplus sold to Hong Ha Fashion, duty paid",
        ),
    )
    issue: Amounts = {
        "FAB-2502": ("FAB-PES-150", "8200"),
        "FAB-2505": ("FAB-PES-150", "1800"),
        "LIN-2502": ("LIN-PES-110", "2000"),
        "ZIP-2502": ("ZIP-NY-60", "8000"),
        "THR-2501": ("THR-PES-40", "46"),
        "THR-2506": ("THR-PES-40", "18"),
        "BUT-2501": ("BUT-RES-20", "8000"),
    }
    story.post(
        GARMENT,
        "issue-2",
        move(
            "ISSUE_PROD",
            "issue-2",
            "2025-06-09 07:30",
            GARMENT,
            issue,
            "RAW",
            bizStep="picking",
            cl_product="TRS-M-03",
        ),
    )
    produce(
        story,
        GARMENT,
        "2",
        "2025-07-11 17:00",
        issue,
        [
            ("TRS-2507", "TRS-M-03", "8000", "PRODUCT"),
            ("SCR-FAB-2507", "FAB-PES-150", "400", "SCRAP"),
            ("SCR-LIN-2507", "LIN-PES-110", "60", "SCRAP"),
        ],
        {"FAB-PES-150": "100", "LIN-PES-110": "20"},
        norm_id("TRS-M-03"),
        "PO-2506-02",
    )


def printing(story: Story) -> None:
    """A lot goes to the print works and comes back: it stays in the book, under another custodian."""
    name, code, amount = "FAB-2505-P", "FAB-PES-150", "5000"
    for giver, taker, there, day, times in (
        (GARMENT, PRINTER, AT_PRINTER, "2025-05-23", ("08:00", "10:10")),
        (PRINTER, GARMENT, AT_GARMENT, "2025-06-06", ("13:00", "15:20")),
    ):
        here = AT_GARMENT if giver == GARMENT else AT_PRINTER
        story.post(
            giver,
            f"hand-print-{day[5:]}",
            hand_lot(f"{day} {times[0]}", here, giver, taker, name, code, amount),
        )
        story.post(
            taker,
            f"take-print-{day[5:]}",
            take_lot(f"{day} {times[1]}", there, giver, taker, name, code, amount),
        )


def autumn(story: Story) -> None:
    """Jackets again; offcuts sold; what is left of the first jackets joins the second lot."""
    issue: Amounts = {
        "FAB-2505": ("FAB-PES-150", "1200"),
        "FAB-2505-P": ("FAB-PES-150", "2800"),
        "LIN-2502": ("LIN-PES-110", "800"),
        "LIN-2505": ("LIN-PES-110", "2200"),
        "PAD-2502": ("PAD-PES-100", "2250"),
        "ZIP-2502": ("ZIP-NY-60", "4000"),
        "ZIP-2505": ("ZIP-NY-60", "3500"),
        "THR-2506": ("THR-PES-40", "30"),
        "BUT-2501": ("BUT-RES-20", "10000"),
    }
    story.post(
        GARMENT,
        "issue-3",
        move(
            "ISSUE_PROD",
            "issue-3",
            "2025-09-01 07:30",
            GARMENT,
            issue,
            "RAW",
            bizStep="picking",
            cl_product="JKT-M-01",
        ),
    )
    produce(
        story,
        GARMENT,
        "3",
        "2025-09-26 17:00",
        issue,
        [
            ("JKT-2509", "JKT-M-01", "2500", "PRODUCT"),
            ("SCR-FAB-2509", "FAB-PES-150", "160", "SCRAP"),
            ("SCR-LIN-2509", "LIN-PES-110", "90", "SCRAP"),
            ("SCR-PAD-2509", "PAD-PES-100", "45", "SCRAP"),
        ],
        {"FAB-PES-150": "40", "LIN-PES-110": "30", "PAD-PES-100": "22.5"},
        norm_id("JKT-M-01"),
        "PO-2509-03",
    )
    story.post(
        GARMENT,
        "regroup-export-2",
        regroup(
            "MERGE",
            "merge-jackets",
            "2025-09-29 09:00",
            ["JKT-2503", "JKT-2509"],
            [("JKT-2510", "3000")],
            "JKT-M-01",
            "FINISHED",
        ),
        regroup(
            "SPLIT",
            "split-JKT-2510",
            "2025-09-29 09:30",
            ["JKT-2510"],
            [("JKT-2510-E", "2800")],
            "JKT-M-01",
            "FINISHED",
        ),
        regroup(
            "SPLIT",
            "split-TRS-2507",
            "2025-09-29 10:00",
            ["TRS-2507"],
            [("TRS-2507-E1", "5000"), ("TRS-2507-E2", "2600")],
            "TRS-M-03",
            "FINISHED",
        ),
    )
    scrap: Amounts = {"SCR-FAB-2503": ("FAB-PES-150", "392"), "SCR-FAB-2507": ("FAB-PES-150", "400")}
    story.post(
        GARMENT,
        "scrap-out",
        move(
            "SCRAP_OUT",
            "scrap-out",
            "2025-11-05 10:00",
            GARMENT,
            scrap,
            "SCRAP",
            cl_reason="offcuts sold to a recycler",
            cl_documents=paper("INVOICE", "TL-0000871"),
        ),
    )
    story.post(
        GARMENT,
        "sell-inland",
        move(
            "SELL_INLAND",
            "sell-jackets",
            "2025-11-20 10:00",
            GARMENT,
            {"JKT-OPEN": ("JKT-M-01", "150")},
            "FINISHED",
            bizTransactionList=drawn_from(A42_2, 1),
            cl_documents=paper("INVOICE", "TL-0000902"),
            cl_reason="sold to Hong Ha Fashion, duty paid",
        ),
    )
    story.post(
        GARMENT,
        "issue-4",
        move(
            "ISSUE_PROD",
            "issue-4",
            "2025-12-15 07:30",
            GARMENT,
            {"FAB-2505-P": ("FAB-PES-150", "500")},
            "RAW",
            bizStep="picking",
            cl_product="JKT-M-01",
        ),
    )


def second_enterprise(story: Story) -> None:
    """T-shirts of the second enterprise, whose book stands beside the first."""
    story.post(SPORTS, "norms-tee", norm("TEE-01", SPORTS, "2025-02-20 09:00"))
    used: Amounts = {"KNT-2503": ("FAB-KNT-180", "5500")}
    story.post(
        SPORTS,
        "issue-tee",
        move(
            "ISSUE_PROD",
            "issue-tee",
            "2025-03-10 07:00",
            SPORTS,
            used,
            "RAW",
            bizStep="picking",
            cl_product="TEE-01",
        ),
    )
    produce(
        story,
        SPORTS,
        "tee",
        "2025-03-24 17:00",
        used,
        [
            ("TEE-2503", "TEE-01", "5000", "PRODUCT"),
            ("SCR-KNT-2503", "FAB-KNT-180", "165", "SCRAP"),
        ],
        {"FAB-KNT-180": "55"},
        norm_id("TEE-01", SPORTS, "2025-02-20"),
        "AK-2503",
    )
