"""What people read for kinds, steps, states and outcomes.

Presentation only: the codes are `ledger.vocabulary`'s, the sentences of outcomes `ledger.outcomes_text`'s
(and those of docs/formats/outcomes.md). A test sees to it that every kind and step has its words here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.outcomes_text import explain, remedy
from ledger.vocabulary import Kind, Outcome, Step

KINDS: dict[Kind, str] = {
    Kind.ARRIVE: "Arrived",
    Kind.OBSERVE: "Observed",
    Kind.OFFER: "Offered for handover",
    Kind.ACCEPT: "Handover accepted",
    Kind.REFUSE: "Handover refused by the receiver",
    Kind.CANCEL: "Cancelled",
    Kind.STUFF: "Stuffed into container",
    Kind.STRIP: "Stripped from container",
    Kind.HOLD: "Hold set",
    Kind.UNHOLD: "Hold lifted",
    Kind.ELIGIBLE: "Eligible to pass supervision",
    Kind.REVOKE: "Eligibility revoked",
    Kind.GATE_OUT: "Gate-out",
    Kind.DECLARE: "Declared",
    Kind.CLEAR: "Cleared",
    Kind.OPENING: "Opening stock",
    Kind.RECEIVE_FACTORY: "Received at the factory",
    Kind.RECEIVE_DOMESTIC: "Domestic receipt",
    Kind.SPLIT: "Split",
    Kind.MERGE: "Merged",
    Kind.ISSUE_PROD: "Issued to production",
    Kind.RETURN_PROD: "Returned from production",
    Kind.TRANSFORM: "Produced",
    Kind.EXPORT_LOAD: "Loaded for export",
    Kind.REEXPORT: "Loaded for re-export",
    Kind.UNLOAD: "Unloaded",
    Kind.EXIT_CONFIRM: "Exit confirmed",
    Kind.FG_RETURN: "Export returned",
    Kind.REPURPOSE: "Purpose changed",
    Kind.SELL_INLAND: "Sold inland",
    Kind.SCRAP_OUT: "Scrap out",
    Kind.DESTROY: "Destroyed",
    Kind.TRANSFER: "Transferred to another book",
    Kind.COUNT: "Stock count",
    Kind.ADJUST: "Adjustment",
    Kind.REASSIGN: "Reassigned by customs",
    Kind.APPROVE: "Approved",
    Kind.DENY: "Denied",
    Kind.CORRECT: "Correction",
    Kind.CLOSE: "Closed",
}

STEPS: dict[Step, str] = {
    Step.NONE: "",
    Step.DISCHARGE: "discharged",
    Step.GATE_IN: "in through the gate",
    Step.STORE: "stored",
    Step.MOVE: "moved",
    Step.WEIGH: "weighed",
    Step.SEAL_APPLY: "seal applied",
    Step.SEAL_BREAK: "seal broken",
    Step.INSPECT: "inspected",
    Step.CHANNEL: "channel assigned",
    Step.DOC_CHECK: "documents checked",
    Step.DUTY_PAID: "duty paid",
    Step.PERMIT: "permit",
    Step.REPACK: "repacked",
    Step.LABEL: "labelled",
    Step.FG_IN: "finished goods in",
    Step.MANIFEST: "manifest",
    Step.NORM: "norm",
    Step.CONTRACT: "contract",
    Step.DOCUMENT: "document",
    Step.LINE_CANCELLED: "line cancelled",
    Step.SENSOR: "sensor reading",
    Step.LEFT: "seen leaving",
}

STATUSES = {
    "SUPERVISED": "under customs supervision",
    "FREE": "free",
    "STRIPPED": "stripped",
    "CLOSED": "closed",
    "REGISTERED": "registered",
    "CLEARED": "cleared",
    "CANCELLED": "cancelled",
    "NONE": "",
}

BALANCES = {
    "raw": "In store",
    "wip": "In production",
    "finished": "Finished",
    "scrap": "Scrap",
    "short": "Short",
    "loaded": "Loaded for export",
}


def balance_words() -> dict[str, str]:
    """What the balances of a lot are called on screen."""
    return dict(BALANCES)


def kind_words(kind: str, step: str = "NONE") -> str:
    """What an event of that kind and step is called on screen; unknown names stay as they are."""
    words = KINDS.get(Kind[kind], kind) if kind in Kind.__members__ else kind
    finer = STEPS.get(Step[step], step) if step in Step.__members__ else step
    return f"{words}: {finer}" if finer else words


def outcome_words(code: int) -> tuple[str, str]:
    """The sentence for an outcome and what can be done about it; an unknown code says so."""
    try:
        outcome = Outcome(code)
    except ValueError:
        return f"Refused with code {code}.", "See the list of outcomes of the ledger's version."
    return explain(outcome), remedy(outcome)


def late_words(event: Mapping[str, Any]) -> str:
    """`, late (3 d)` for an event that was recorded late, else nothing."""
    seconds = event["lateSeconds"]
    if not event["late"]:
        return ""
    for size, word in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f", late ({seconds // size} {word})"
    return f", late ({seconds} s)"
