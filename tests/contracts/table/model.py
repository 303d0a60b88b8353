"""What the event model says in words, copied by hand (sections 2 and 4): who may, and what things in some states take.

The oracle writes the table; against these lists a slip in the oracle, which the contract may well share, is seen.
"""

from __future__ import annotations

from ledger.vocabulary import Kind

ANYBODY = {"anybody"}
CUSTOMS = {"customs", "customs, second signer"}
VEHICLES = ("container", "cargo")

WHO: dict[Kind, set[str]] = {
    Kind.ARRIVE: {"custodian", "other carrier", "operator"},  # the custodian of vehicles is a carrier
    Kind.OBSERVE: ANYBODY,
    Kind.OFFER: {"custodian"},
    Kind.ACCEPT: {"offeree", "other owner"},  # the owner of the other book: of a transfer
    Kind.REFUSE: {"offeree", "other owner"},
    Kind.CANCEL: {"custodian", "owner", *CUSTOMS},  # the offeror: of a transfer the owner; and who posted what is pending
    Kind.STUFF: {"custodian"},
    Kind.STRIP: {"custodian"},
    Kind.HOLD: {*CUSTOMS, "agency"},
    Kind.UNHOLD: {*CUSTOMS, "agency"},
    Kind.ELIGIBLE: CUSTOMS,
    Kind.REVOKE: CUSTOMS,
    Kind.GATE_OUT: {"operator", "custodian"},
    Kind.DECLARE: ANYBODY,                    # a new line; the rows of lines that exist are checked below
    Kind.CLEAR: CUSTOMS,
    Kind.OPENING: {"owner", "other owner"},   # each of their own book
    Kind.RECEIVE_FACTORY: {"owner"},
    Kind.RECEIVE_DOMESTIC: {"owner", "other owner"},
    Kind.SPLIT: {"custodian", "owner", "other owner"},
    Kind.MERGE: {"custodian", "owner", "other owner"},
    Kind.ISSUE_PROD: {"owner"},
    Kind.RETURN_PROD: {"owner"},
    Kind.TRANSFORM: {"owner"},
    Kind.EXPORT_LOAD: {"owner", "custodian"},
    Kind.REEXPORT: {"owner"},
    Kind.UNLOAD: {"owner", *CUSTOMS},
    Kind.EXIT_CONFIRM: {*CUSTOMS, "operator"},
    Kind.FG_RETURN: {"owner"},
    Kind.REPURPOSE: {"owner"},
    Kind.SELL_INLAND: {"owner"},
    Kind.SCRAP_OUT: {"owner"},
    Kind.DESTROY: {"owner"},
    Kind.TRANSFER: {"owner"},
    Kind.COUNT: {"owner", "other owner", *CUSTOMS},
    Kind.ADJUST: {"owner"},
    Kind.REASSIGN: CUSTOMS,
    Kind.APPROVE: CUSTOMS,
    Kind.DENY: CUSTOMS,
    Kind.CORRECT: {"custodian", *CUSTOMS},    # of an event, who posted it
    Kind.CLOSE: {"operator", "custodian"},
}

HELD = {Kind.HOLD, Kind.UNHOLD, Kind.REVOKE, Kind.OBSERVE, Kind.COUNT, Kind.CORRECT, Kind.APPROVE, Kind.DENY, Kind.CANCEL,
        Kind.REFUSE, Kind.SPLIT, Kind.MERGE, Kind.STRIP, Kind.UNLOAD, Kind.RETURN_PROD}
HELD_AND_SECURE = {Kind.OFFER, Kind.ACCEPT, Kind.REASSIGN}  # to customs, or who runs a supervised facility (ADR 13: REASSIGN)
UNDER_OFFER = {Kind.ACCEPT, Kind.REFUSE, Kind.CANCEL, Kind.HOLD, Kind.UNHOLD, Kind.ELIGIBLE, Kind.REVOKE, Kind.OBSERVE,
               Kind.COUNT, Kind.CORRECT, Kind.REASSIGN}
EMPTY = {Kind.COUNT, Kind.ADJUST, Kind.STRIP, Kind.MERGE, Kind.OBSERVE, Kind.CORRECT,
         Kind.REASSIGN}  # ADR 12: who is answerable for it can be wrong too
INSIDE = {Kind.STRIP, Kind.HOLD, Kind.UNHOLD, Kind.ELIGIBLE, Kind.REVOKE, Kind.EXPORT_LOAD, Kind.UNLOAD, Kind.EXIT_CONFIRM,
          Kind.COUNT, Kind.OBSERVE, Kind.CORRECT}
TERMINAL = {Kind.OBSERVE, Kind.CORRECT, Kind.DENY}
