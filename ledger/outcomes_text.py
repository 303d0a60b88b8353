"""What an outcome means, in a sentence that a customs officer understands, and what its poster can do.

One entry for each Outcome; docs/formats/outcomes.md prints the same sentences, and a test compares them.
"""

from __future__ import annotations

from ledger.vocabulary import Outcome

_TEXTS: dict[Outcome, tuple[str, str]] = {
    Outcome.RECORDED: ("The event is recorded.", ""),
    Outcome.PENDING: (
        "The event is recorded and waits for approval by customs; nothing has changed yet.",
        "Wait for customs, or cancel it."),
    # 1xx signature
    Outcome.BAD_SIGNATURE: (
        "The signature does not belong to this event, so nobody can be held to it; it was not taken.",
        "Sign it again for this ledger, with a signature of 65 bytes."),
    Outcome.UNKNOWN_SIGNER: (
        "The key that signed belongs to no admitted participant; the event was not taken.",
        "Ask the authority to register the key."),
    Outcome.NONCE_USED: (
        "This key has already used this number, so the event is a repeat; it was not taken.",
        "Look up the outcome of the first one; sign a new act with a new nonce."),
    Outcome.SIGNER_NOT_YET_VALID: (
        "The key may not sign yet.", "Wait until its window begins, or sign with another key."),
    Outcome.SIGNER_EXPIRED: (
        "The key's time is over.", "Sign again with a key that is valid; when it happened may stay."),
    Outcome.SIGNER_REVOKED: (
        "The key was revoked.", "Sign again with a good key; when it happened may stay."),
    Outcome.DEADLINE_PASSED: (
        "The event arrived after the deadline its poster had set.", "Sign it again with a later deadline."),
    Outcome.TIME_IN_FUTURE: (
        "The event says that it happened in the future.",
        "Correct the clock or the time of the event and sign again."),
    Outcome.SIGNER_ELSEWHERE: (
        "The key may act at one place only, and this happened elsewhere.",
        "Sign it with a key that may act there."),
    # 2xx authority
    Outcome.PARTICIPANT_SUSPENDED: (
        "The participant is suspended and may not act.", "Ask the authority."),
    Outcome.ROLE_MISSING: (
        "The participant does not have the role that this act needs.",
        "Have it done by who has the role, or ask the authority for the role."),
    Outcome.NOT_OPERATOR: (
        "The participant does not operate this facility (and, for an arrival, is no carrier either).",
        "Have it reported by the operator, an arrival also by a carrier, an exit also by customs."),
    Outcome.NOT_OWNER: (
        "The book, or the lot, belongs to another enterprise.",
        "Only the owner (for some acts also the custodian) may do this."),
    Outcome.NOT_DECLARANT: (
        "The declaration line belongs to another declarant.",
        "Name a line of the right declarant; customs can move a line to its true declarant."),
    Outcome.NOT_OFFEREE: (
        "The offer was made to another participant.", "Ask the custodian to offer it to you."),
    Outcome.OWN_EVENT: (
        "Nobody approves an event of their own.",
        "Have it approved by another authority; a reassignment by a second signer of customs."),
    Outcome.NOT_POSTER: (
        "Only who posted the event may do this.",
        "Have it done by the original poster."),
    Outcome.NO_HOLD_AUTHORITY: (
        "The participant was given no hold to set or lift.", "Ask the authority for one."),
    # 3xx state
    Outcome.UNKNOWN_UNIT: (
        "The ledger knows no such unit, or not yet.", "Check the number; post its arrival first."),
    Outcome.UNIT_EXISTS: (
        "A unit of this name already exists, so it cannot be made again.",
        "Use another number; a fact about the existing unit is an observation."),
    Outcome.TERMINAL_UNIT: (
        "The unit is closed, or the declaration line cancelled; it takes no further act.",
        "Post an observation, or correct the event that closed it."),
    Outcome.HELD: (
        "The unit, or a declaration line named with it, is under hold by an authority.",
        "Ask the authority that set the hold to lift it."),
    Outcome.UNDER_OFFER: (
        "The unit is offered to somebody, and until that is settled it takes no other act.",
        "Have the offer accepted, refused or cancelled, or let it expire."),
    Outcome.INSIDE_CONTAINER: (
        "The goods are inside a container and move only with it.", "Take them out first."),
    Outcome.EMPTY_LOT: (
        "Nothing is left of this lot.", "Name the lot that has the goods now."),
    Outcome.NOT_SUPERVISED: (
        "The unit is not under customs supervision, so this act does not apply to it.",
        "Check which unit is meant."),
    Outcome.NOT_FREE: (
        "The unit is still under customs supervision.",
        "Have it released: eligible by customs, then out through the gate."),
    Outcome.NOT_ELIGIBLE: (
        "Customs has not said that the unit, or something inside it, may leave the supervised area.",
        "Wait until customs declares it eligible."),
    Outcome.LINE_NOT_REGISTERED: (
        "The declaration line is no longer merely registered.",
        "After clearance only customs can amend it."),
    Outcome.LINE_NOT_CLEARED: (
        "The declaration line is not cleared, so nothing may be drawn from it.", "Wait for clearance."),
    Outcome.LINE_DRAWN: (
        "Goods were already drawn from the declaration line, so it cannot be cancelled.",
        "Amend it instead, not below what was drawn."),
    Outcome.OPENING_CLOSED: (
        "The book takes no opening stock any more.", "State the difference as a count and have it adjusted."),
    Outcome.NOT_PENDING: (
        "No event with this id waits for approval.",
        "It may have been approved, denied or cancelled already."),
    Outcome.NOT_EMPTY: (
        "Something is still inside the container, or goods of the lot are still loaded for export.",
        "Take it out, or wait for the confirmed exit; name every empty lot inside when closing."),
    Outcome.NOT_HELD: (
        "This authority has set no hold here that it could lift.", "Only who set a hold can lift it."),
    Outcome.NOT_INSIDE: (
        "The goods are not inside the container named.", "Check which container they were stuffed into."),
    Outcome.NOTHING_TO_STRIP: (
        "The container arrived empty or was stripped already, so nothing unknown can come out of it.",
        "Name the goods that were stuffed into it, or post what was found as an observation."),
    Outcome.ALREADY_ADJUSTED: (
        "This count or correction has already adjusted this balance of the lot.",
        "Count again and name the new count."),
    # 4xx custody
    Outcome.NOT_CUSTODIAN: (
        "The participant does not have the unit in its custody.",
        "Have it done by the custodian, or take it over first."),
    Outcome.NO_OPEN_OFFER: (
        "The unit is under no offer.", "Ask the custodian to offer it."),
    Outcome.OFFER_EXPIRED: (
        "The offer has expired; custody did not move.", "Ask the custodian to offer it again."),
    Outcome.OFFER_MISMATCH: (
        "The unit is under another offer than the one named.", "Name the offer that is open."),
    Outcome.SELF_OFFER: (
        "A custodian cannot offer a unit to itself.", "Name the participant who is to take it over."),
    Outcome.FACILITY_NOT_SUPERVISED: (
        "Goods under customs supervision may stand only in a supervised facility.",
        "Name a supervised facility, or none while they are carried under supervision."),
    Outcome.NOT_TOGETHER: (
        "Cargo and container stand in different places, or only one of them is under supervision.",
        "Bring them together first: same facility, same customs status."),
    # 5xx quantity
    Outcome.NOT_ENOUGH: (
        "The lot does not have that much in the balance named.",
        "Check the quantity and where the goods are: raw, in production, finished, scrap or loaded."),
    Outcome.LINE_EXCEEDED: (
        "The declaration line does not have that much left; a kilogram counts once.",
        "Use another line, or have the line amended."),
    Outcome.QUANTITY_ZERO: (
        "A quantity is needed here and zero was given.", "Give the quantity."),
    Outcome.NOT_CONSERVED: (
        "A lot is handed over whole, and the quantity given is less than the whole.",
        "Split the lot first, then offer the part."),
    Outcome.MORE_THAN_OFFERED: (
        "More was found than was offered.",
        "The offeror has its lot adjusted first; a surplus cannot be taken over silently."),
    Outcome.BELOW_DRAWN: (
        "The declaration line would fall below what was already drawn from it.",
        "Amend it to at least what was drawn."),
    Outcome.QUANTITY_OVERFLOW: (
        "The quantity does not fit the ledger (18 million million units of measure).", "Split the lot."),
    Outcome.NORM_EXCEEDED: (
        "More material was used than the norm allows, and the book is kept with strict norms.",
        "Check quantities and the norm named; have the norm amended, or post what is beyond it as scrap."),
    # 6xx reference
    Outcome.UNKNOWN_REFERENCE: (
        "The event or declaration line referred to is missing, or the ledger does not know it.",
        "Name the declaration line or event; if it is not recorded yet, wait for it."),
    Outcome.WRONG_PURPOSE: (
        "The declaration line serves another purpose, or cites another import line than that of the goods.",
        "Name a line of the right purpose."),
    Outcome.WRONG_MATERIAL: (
        "The material is missing, or it is not the one that this act needs.",
        "Lot and line must have the same material; a product must have another than what it is made of."),
    Outcome.WRONG_BOOK: ("The lot belongs to another book.", "Name the book of the lot."),
    Outcome.WRONG_VERSION: (
        "The declaration line was amended after this version.",
        "Look at the line again and name its version."),
    Outcome.UNKNOWN_FACILITY: (
        "The authority has set up no such facility.", "Check the facility, or ask the authority."),
    Outcome.UNKNOWN_BOOK: (
        "The authority has set up no such book.", "Check the book, or ask the authority."),
    Outcome.UNKNOWN_PARTICIPANT: (
        "No such participant was admitted.", "Check the participant named."),
    Outcome.WITNESS_MISMATCH: (
        "The event shown to the ledger is not the one referred to, so the act was not taken.",
        "Send it again with the referred event exactly as it was signed; another gateway may do."),
    Outcome.UNLIKE_LOTS: (
        "The lots differ in material, book, origin, source or custodian.",
        "Put together only what is alike and in one custody."),
    Outcome.UNITS_DIFFER: (
        "The correction names other units than the event that it corrects.",
        "Name the units of the corrected event, or none."),
    Outcome.NO_NORM: (
        "The book is kept with strict norms, and no norm with numbers in force is named for it.",
        "Declare the norm with its numbers first and name it."),
    # 7xx format
    Outcome.UNKNOWN_KIND: ("There is no such kind of event.", "Check the kind."),
    Outcome.KIND_NOT_AVAILABLE: (
        "This kind of event is not available on this ledger.", "Post what happened as an observation."),
    Outcome.LINES_NOT_ASCENDING: (
        "The units of an event must be in ascending order, none twice.", "Sort them and sign again."),
    Outcome.TOO_MANY_LINES: ("An event names at most 64 units.", "Split it into several events."),
    Outcome.LINES_MISSING: (
        "The event does not name a unit that it needs.",
        "Name the unit, for a transformation inputs and outputs."),
    Outcome.FIELD_NOT_ALLOWED: (
        "The event says something that its kind has no place for.", "Leave the field out."),
    Outcome.WRONG_THING: (
        "The unit is of another sort than this act needs (container, cargo, lot or declaration line).",
        "Check which unit is meant."),
    Outcome.WRONG_BALANCE: (
        "The balance named does not fit this act.",
        "Name the balance that the goods are in: raw, in production, finished, scrap or loaded."),
    Outcome.WRONG_ROLE: (
        "A unit has a part in this event that its kind does not know.",
        "Say what the unit is in this event: input, output, product, scrap or container."),
}


def explain(outcome: Outcome) -> str:
    """What the outcome means, in one sentence."""
    known = _TEXTS.get(outcome)
    return known[0] if known else f"The ledger answered with code {int(outcome)}, which is not known here."


def remedy(outcome: Outcome) -> str:
    """What the poster can do, in one sentence; empty if there is nothing to do."""
    known = _TEXTS.get(outcome)
    return known[1] if known else "Use a newer version of this software."
