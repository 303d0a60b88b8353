"""What would settle a finding: the papers and acts that an auditor accepts, by rule."""

from __future__ import annotations

SETTLES: dict[str, tuple[str, ...]] = {
    "B1": (
        "A receipt, return or opening record dated before the first act that took what was not there.",
        "A correction of the quantity or the date of that act, by who posted it.",
    ),
    "B2": (
        "A second count of the same stock, by two people, with place and time.",
        "The paper of the issue, sale, destruction or receipt that was not recorded, and its event.",
        "An ADJUST after the count, with its reason and its approval; the duty on what stays missing.",
    ),
    "B3": (
        "The closing record of the period before, with the count that it rests on.",
        "The papers of what happened between that closing and this opening.",
    ),
    "B4": (
        "The declaration, receipt or exit confirmation that one of the three sides lacks.",
        "A correction of the report where the declaration and the ledger agree.",
    ),
    "B5": (
        "Weight tickets of what went in and what came out.",
        "The loss or scrap that was not stated, with the weighing that shows it.",
    ),
    "B6": (
        "The paper of what was issued, sold, destroyed or re-exported and not recorded, and its event.",
        "Production records of the runs named here: put in, recovered, left on the line, obtained.",
        "A norm declared anew on those records.",
        "Else a new declaration of the quantity, with its duty.",
    ),
    "B9": ("The movements between the count and the end of the period that are missing, with their papers.",),
    "D1": ("Weight tickets of scrap, and why this run made more or less.",),
    "D5": ("The new declaration that cites the original line, and the payment of its duty.",),
    "D9": ("Police or fire papers and minutes with customs; theft gives no relief.",),
    "L1": ("Which of the acts named here took the goods: papers of both, and a correction of the other.",),
    "L3": ("The re-export declarations that cite the line, with the quantities that really left.",),
    "N1": (
        "Production records of the runs named here: put in, recovered, left on the line, obtained.",
        "A norm declared anew on those records, or the papers of where the rest went.",
    ),
    "N2": ("The measurement behind the norm: date, run, put in, recovered, left on the line, obtained.",),
    "N6": ("A claim lowered to what was used.", "Production records that show a higher real norm."),
    "X1": (
        "Production records of the output that is missing, or the return of goods that were counted twice.",
        "A correction of the export: what was really loaded.",
    ),
    "X2": (
        "Receipts or inland purchases of the materials named, with their papers and events.",
        "Norms that are lower than declared, with the measurement.",
        "A registered substitute.",
    ),
    "X4": (
        "The confirmation that the goods passed the supervision area (messages 21, 22), or for an on-spot "
        "export the matching import declaration.",
        "Else the cancellation of the export and of what was claimed for it.",
    ),
}
"""By rule."""
_FAMILY = {
    "B": "The event that is missing on one side, with its paper.",
    "D": "The papers of the outcome: minutes, tickets, declaration.",
    "L": "The papers of the acts named here, and a correction of the one that is wrong.",
    "N": "The measurement behind the norm.",
    "X": "Production and loading records of the export.",
}


def settles(rule: str) -> tuple[str, ...]:
    """What would settle a finding of a rule."""
    return SETTLES.get(rule) or (
        _FAMILY.get(
            rule[:1], "An explanation by who posted the events named here, with the papers that it rests on."
        ),
    )
