"""Family C, who may: acts by keys, devices and officers that had no right to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from ledger.vocabulary import MICRO, Kind, Outcome
from tracer.beside import NOTHING_MORE, Device, Signer
from tracer.book import Event
from tracer.facts import Facts
from tracer.finding import Severity
from tracer.moment import Span, iso_day
from tracer.rules.core import PIECE, Law, Param, Rule, Subject, Tally, circular_38

_NO_RIGHT = frozenset({
    Outcome.SIGNER_NOT_YET_VALID, Outcome.SIGNER_EXPIRED, Outcome.SIGNER_REVOKED, Outcome.SIGNER_ELSEWHERE,
    Outcome.PARTICIPANT_SUSPENDED, Outcome.ROLE_MISSING, Outcome.NOT_OPERATOR, Outcome.NO_HOLD_AUTHORITY})
_HOLDS = frozenset({Kind.HOLD, Kind.UNHOLD})
_Fault = tuple[Severity, str, str]
"""How grave, of whom (key, device or party), and what is wrong."""


def c7(facts: Facts, tally: Tally) -> None:
    """Who acts has the right to, with a key and a device that are good for it.

    An act that the ledger refused for want of a right. A recorded one whose key is not registered, belongs to
    somebody else, was not yet or no longer valid or was revoked when it happened, or is for another place or
    other kinds of act. A reading by a device that is not registered, was taken out of use, whose calibration
    had run out, that stands elsewhere, or was at two places within half an hour; of a key or device that is
    listed more than once (calibrated again, moved), one row has to be good. Whoever lifts a hold that
    another set, and says no reason. One finding for each key, device or officer and fault; the
    difference is the number of acts.
    """
    faults: dict[_Fault, list[Event]] = defaultdict(list)
    signers: dict[str, list[Signer]] = defaultdict(list)
    for signer in facts.book.beside.signers or ():
        signers[signer.signer].append(signer)
    devices: dict[str, list[Device]] = defaultdict(list)
    for device in facts.book.beside.devices or ():
        devices[device.device].append(device)
    lacking: set[str] = set()
    holds: dict[str, str] = {}
    for event in facts.events:
        more = event.more
        if more is NOTHING_MORE and event.kind not in _HOLDS and event.outcome not in _NO_RIGHT:
            continue  # nearly every event
        found = list(_refused(event))
        if event.recorded:
            if more.signer and facts.book.beside.signers is not None:
                found += _signed(facts, event, signers[more.signer])
            elif more.signer:
                lacking.add("registered keys (signers.csv)")
            if more.device and facts.book.beside.devices is not None:
                found += _measured(facts, event, devices[more.device])
            elif more.device:
                lacking.add("registered devices (devices.csv)")
            found += _overridden(event, holds)
        for fault in found:
            faults[fault].append(event)
        if not found and (event.more.signer or event.more.device or event.kind == Kind.UNHOLD):
            tally.clean()
    for fault, events in _twice(facts, tally):
        faults[fault] += events
    for (severity, who, what), events in sorted(faults.items(), key=lambda row: row[0][1:]):
        tally.amount(Subject("event", events[0].id), severity, 0, len(events) * MICRO, PIECE,
                     evidence=events[:16], explanation=f"{who}: {what}.")
    if not any(event.more.signer for event in facts.events):
        lacking.add("who signed (signer of movements, signers.csv)")
    if lacking:
        tally.missing(Subject("book", facts.book.id or "custody"), *sorted(lacking))


def _refused(event: Event) -> Iterator[_Fault]:
    if event.outcome in _NO_RIGHT:
        yield "medium", event.actor, f"{event.kind.name} refused: {event.outcome.name}"


def _overridden(event: Event, holds: dict[str, str]) -> Iterator[_Fault]:
    """A hold of another's that is lifted without a reason; `holds` is who holds each unit."""
    for unit in {leg.unit for leg in event.legs} | ({event.line} if event.line else set()):
        if event.kind == Kind.HOLD:
            holds[unit] = event.actor
        elif event.kind == Kind.UNHOLD:
            holder = holds.pop(unit, event.actor)
            if holder != event.actor and not event.reason:
                yield "low", event.actor, f"lifts the hold of {holder} without a reason"


def _signed(facts: Facts, event: Event, registered: list[Signer]) -> Iterator[_Fault]:
    key = event.more.signer
    if not registered:
        yield "high", key, "signs and is not registered"
        return
    own = [s for s in registered if s.actor == event.actor]
    if not own:
        yield "high", key, f"signs for {event.actor} and is of {registered[0].actor}"
        return
    reasons = []
    for signer in own:
        reason = _unfit(facts, event, signer)
        if reason is None:
            return
        reasons.append(reason)
    yield "high" if "revoked" in reasons[0] else "medium", key, reasons[0]


def _unfit(facts: Facts, event: Event, signer: Signer) -> str | None:
    """Why a key was not good for an act; None where it was. Whole days count in its favour."""
    at, offset = event.occurred, facts.book.offset
    allowed = facts.book.clock_uncertainty_ms
    if signer.revoked is not None and at.start_ms > signer.revoked.end_ms + allowed:
        return f"was revoked on {iso_day(signer.revoked.start_ms, offset)}"
    if signer.valid_from is not None and at.end_ms + allowed < signer.valid_from.start_ms:
        return f"is valid from {iso_day(signer.valid_from.start_ms, offset)} only"
    if signer.valid_to is not None and at.start_ms > signer.valid_to.end_ms + allowed:
        return f"ended on {iso_day(signer.valid_to.end_ms, offset)}"
    if signer.place and event.place and signer.place != event.place:
        return f"is for {signer.place} and acted at {event.place}"
    if signer.roles and event.kind.name not in signer.roles.upper().split():
        return f"is for {signer.roles} and did {event.kind.name}"
    return None


def _measured(facts: Facts, event: Event, registered: list[Device]) -> Iterator[_Fault]:
    reasons = [_unmeasured(facts, event, device) for device in registered]
    if None in reasons:
        return
    why = (reasons[-1] or "") if reasons else "measures and is not registered"
    yield "medium", event.more.device, why


def _unmeasured(facts: Facts, event: Event, device: Device) -> str | None:
    """Why a device was not good for a reading; None where it was. Whole days count in its favour."""
    at = event.occurred
    if device.revoked is not None and at.start_ms > device.revoked.end_ms:
        return "was taken out of use"
    if device.calibrated_to is not None and at.start_ms > device.calibrated_to.end_ms:
        return f"was calibrated until {iso_day(device.calibrated_to.start_ms, facts.book.offset)} only"
    if device.place and event.place and device.place != event.place:
        return f"stands at {device.place} and measured at {event.place}"
    return None


def _twice(facts: Facts, tally: Tally) -> Iterator[tuple[_Fault, list[Event]]]:
    """Devices that were at two places in too short a time; acts with a date alone say nothing of it."""
    limit = int(tally.param("minutes")) * 60_000
    last: dict[str, Event] = {}
    used = [e for e in facts.events if e.more.device and e.place and e.recorded]
    for event in sorted(used, key=lambda e: (e.occurred.start_ms, e.seq)):
        span: Span = event.occurred
        if span.start_ms != span.end_ms:
            continue
        before = last.get(event.more.device)
        last[event.more.device] = event
        if before is not None and before.place != event.place \
                and span.start_ms - before.occurred.start_ms <= limit:
            what = f"measured at {before.place} and {event.place} at once"
            yield ("medium", event.more.device, what), [event]


RULES = (
    Rule("C7", "2", "custody", "Without the right to", "custody",
         (Law("Law 54/2014/QH13 Art. 41", valid_from="2015-01-01"), *circular_38("52, 52dd"),
          Law("Decree 169/2026/ND-CP Art. 12.7, 25.2", valid_from="2026-07-01")),
         (Param("minutes", "30", "minutes", "in which one device is at one place"),), {}, c7,
         ("who signed, and who may", "calibration of devices")),
)
