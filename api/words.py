"""What people read for kinds, steps, states and outcomes: one sentence each, and what to do about a refusal.

Presentation only: the codes and what they mean are `ledger.vocabulary`'s. A test sees to it that every
outcome, kind and step has its words here.
"""

from __future__ import annotations

import re

from ledger.vocabulary import Kind, Outcome, Step

_NUMBER = re.compile(r"-?\d+(\.\d+)?")

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

_SIGN_AGAIN = "Sign it again with a key that is valid now."
_ASK_AUTHORITY = "Ask the authority that admits participants."

OUTCOMES: dict[Outcome, tuple[str, str]] = {
    Outcome.RECORDED: ("Recorded.", ""),
    Outcome.PENDING: ("Waits for approval by customs.", "Customs approves or denies it."),
    Outcome.BAD_SIGNATURE: (
        "The signature does not belong to this content.",
        "Sign the event again and send that.",
    ),
    Outcome.UNKNOWN_SIGNER: ("Nobody knows the key that signed.", _ASK_AUTHORITY),
    Outcome.NONCE_USED: (
        "This key has used this number before.",
        "Nothing to do if the event is recorded already; else sign it again.",
    ),
    Outcome.SIGNER_NOT_YET_VALID: ("The signing key is not valid yet.", _SIGN_AGAIN),
    Outcome.SIGNER_EXPIRED: ("The signing key has expired.", _SIGN_AGAIN),
    Outcome.SIGNER_REVOKED: ("The signing key was revoked.", _SIGN_AGAIN),
    Outcome.DEADLINE_PASSED: (
        "The event came after its own deadline.",
        "Sign it again with a later deadline; the time it happened stays.",
    ),
    Outcome.TIME_IN_FUTURE: (
        "It claims to have happened in the future.",
        "Set the device's clock and sign it again.",
    ),
    Outcome.PARTICIPANT_SUSPENDED: ("The participant is suspended.", _ASK_AUTHORITY),
    Outcome.ROLE_MISSING: ("The participant has no role that may do this.", _ASK_AUTHORITY),
    Outcome.NOT_OPERATOR: (
        "Only the operator of the place where it stands may do this.",
        "Let the operator post it, or hand over custody first.",
    ),
    Outcome.NOT_OWNER: ("Only the owner of the book may do this.", "Let the book's owner post it."),
    Outcome.NOT_DECLARANT: ("Only the declarant of the line may draw on it.", "Name a line of your own."),
    Outcome.NOT_OFFEREE: ("It was offered to somebody else.", "Let the named receiver accept it."),
    Outcome.OWN_EVENT: ("Nobody approves an event of their own.", "Let another officer decide."),
    Outcome.NOT_POSTER: ("Only who posted the event may do this.", "Let its poster do it, or customs."),
    Outcome.NO_HOLD_AUTHORITY: ("The participant may set no holds.", _ASK_AUTHORITY),
    Outcome.UNKNOWN_UNIT: (
        "The ledger knows no such unit.",
        "Check number and consignment; it must arrive first.",
    ),
    Outcome.UNIT_EXISTS: ("The ledger knows this unit already.", "Use a new lot or consignment number."),
    Outcome.TERMINAL_UNIT: ("It is closed for good.", "Only observation and correction are left."),
    Outcome.HELD: ("It is under a hold.", "Whoever set the hold must lift it first."),
    Outcome.UNDER_OFFER: ("It is offered for handover.", "Accept, refuse or cancel the offer first."),
    Outcome.INSIDE_CONTAINER: ("It is inside a container.", "Strip the container first."),
    Outcome.EMPTY_LOT: ("Nothing is left of the lot.", "Name a lot that still holds goods."),
    Outcome.NOT_SUPERVISED: ("It is not under customs supervision.", "Nothing to do: it is free already."),
    Outcome.NOT_FREE: (
        "It is still under customs supervision.",
        "It must leave through the gate (GATE_OUT) first.",
    ),
    Outcome.NOT_ELIGIBLE: (
        "Customs has not said that it may pass the supervised area.",
        "Wait for customs' eligible message.",
    ),
    Outcome.LINE_NOT_REGISTERED: (
        "The declaration line is not registered any more.",
        "Name its present version.",
    ),
    Outcome.LINE_NOT_CLEARED: ("The declaration line is not cleared.", "Wait for clearance."),
    Outcome.LINE_DRAWN: (
        "Goods were already drawn from the line.",
        "Amend the line instead of cancelling it.",
    ),
    Outcome.OPENING_CLOSED: (
        "The book's opening is closed.",
        "Later openings follow from the ledger itself.",
    ),
    Outcome.NOT_PENDING: (
        "The event named is not waiting for approval.",
        "Check whether it was decided already.",
    ),
    Outcome.NOT_EMPTY: ("Something is still inside.", "Take it out first."),
    Outcome.NOT_HELD: ("There is no such hold.", "Nothing to lift."),
    Outcome.NOT_CUSTODIAN: (
        "Only who holds the goods may do this.",
        "Accept the handover first, or let the custodian post it.",
    ),
    Outcome.NO_OPEN_OFFER: ("There is no open offer.", "Ask the custodian to offer it."),
    Outcome.OFFER_EXPIRED: ("The offer has expired.", "Ask the custodian to offer it again."),
    Outcome.OFFER_MISMATCH: ("It was not offered in that event.", "Name the offer under which it stands."),
    Outcome.SELF_OFFER: ("Nobody hands over to themselves.", "Name another participant."),
    Outcome.FACILITY_NOT_SUPERVISED: (
        "Supervised goods may only enter a supervised facility.",
        "Name a supervised facility, or accept for carriage.",
    ),
    Outcome.NOT_ENOUGH: (
        "More is asked for than the lot holds.",
        "Check the quantity and whether the lot was used before.",
    ),
    Outcome.LINE_EXCEEDED: (
        "More is asked for than the declaration line has left.",
        "Amend the declaration or name another line.",
    ),
    Outcome.QUANTITY_ZERO: ("A quantity is missing or zero.", "State the quantity."),
    Outcome.NOT_CONSERVED: (
        "What goes in does not equal what comes out.",
        "Check the quantities of the parts.",
    ),
    Outcome.MORE_THAN_OFFERED: ("More was found than offered.", "Count again; a surplus is adjusted first."),
    Outcome.BELOW_DRAWN: (
        "The line cannot fall below what was drawn from it.",
        "State at least what is drawn.",
    ),
    Outcome.QUANTITY_OVERFLOW: (
        "The quantity is beyond what the ledger can hold.",
        "Use a larger unit of measure.",
    ),
    Outcome.UNKNOWN_REFERENCE: ("The event or line referred to is unknown.", "Check the reference."),
    Outcome.WRONG_PURPOSE: ("The declaration line has another purpose.", "Name a line of the right purpose."),
    Outcome.WRONG_MATERIAL: (
        "Lot and line have different materials.",
        "Name the line that declares this material.",
    ),
    Outcome.WRONG_BOOK: ("The lot belongs to another book.", "Name the book of the lot."),
    Outcome.WRONG_VERSION: ("The declaration line has changed since.", "Name its present version."),
    Outcome.UNKNOWN_FACILITY: ("The facility is not registered.", _ASK_AUTHORITY),
    Outcome.UNKNOWN_BOOK: ("The book is not registered.", _ASK_AUTHORITY),
    Outcome.UNKNOWN_PARTICIPANT: ("The participant named is not admitted.", _ASK_AUTHORITY),
    Outcome.WITNESS_MISMATCH: (
        "The evidence enclosed is not the event referred to.",
        "Enclose that very event.",
    ),
    Outcome.UNLIKE_LOTS: (
        "The lots are not alike.",
        "Only lots of one material, book, origin, source and holder can be joined.",
    ),
    Outcome.UNKNOWN_KIND: ("The ledger knows no such kind of event.", "Use a kind of the event profile."),
    Outcome.KIND_NOT_AVAILABLE: (
        "This kind of event is not available on this ledger yet.",
        "Use OBSERVE to keep it as evidence.",
    ),
    Outcome.LINES_NOT_ASCENDING: (
        "A unit is named twice, or the units are not in order.",
        "Name each unit once.",
    ),
    Outcome.TOO_MANY_LINES: ("Too many units in one event.", "Use several events."),
    Outcome.LINES_MISSING: ("The event names no unit, or not as many as its kind needs.", "Name the units."),
    Outcome.FIELD_NOT_ALLOWED: ("A field is set that this kind does not take.", "Leave it out."),
    Outcome.WRONG_THING: ("That kind of unit cannot do this.", "Check what kind of unit is named."),
    Outcome.WRONG_BALANCE: ("The balance named does not fit this kind.", "Name the right stock of the lot."),
    Outcome.WRONG_ROLE: ("A unit has a part that this kind does not know.", "Check the parts of the units."),
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
        return OUTCOMES[Outcome(code)]
    except ValueError:
        return f"Refused with code {code}.", "See the list of outcomes of the ledger's version."


def grouped(text: object) -> str:
    """A decimal string with its thousands apart: `12,000.5`; what is no number stays as it is."""
    plain = str(text)
    if not _NUMBER.fullmatch(plain):
        return plain
    whole, dot, rest = plain.partition(".")
    return f"{whole[:1] if whole.startswith('-') else ''}{abs(int(whole)):,}" + dot + rest
