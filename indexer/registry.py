"""What the authority changed, as rows: participants, keys, devices, places, books.

Holds no rule: who may change what, the contracts have decided. Times are block times.
"""

from __future__ import annotations

from indexer.decode import Registry
from indexer.models import (
    Announcement,
    Book,
    Device,
    DeviceCalibration,
    Facility,
    FacilityRole,
    GovernanceRole,
    Participant,
    Signer,
)
from indexer.store import Rows, hexed
from ledger.chain import facts
from ledger.chain.client import Header


def register(rows: Rows, fact: Registry, header: Header) -> None:
    """One change by the authority, as the rows it leaves."""
    now_s = header.timestamp
    if isinstance(fact, facts.ParticipantAdmitted):
        rows.put(Participant, {
            "number": fact.participant, "roles": fact.roles, "hold_bit": fact.hold_bit, "suspended": False,
            "reading_key": hexed(fact.reading_key), "key_epoch": 0})
    elif isinstance(fact, facts.RolesChanged):
        rows.change(Participant, fact.participant, roles=fact.roles)
    elif isinstance(fact, facts.ParticipantSuspended | facts.ParticipantReinstated):
        suspended = isinstance(fact, facts.ParticipantSuspended)
        rows.change(Participant, fact.participant, suspended=suspended)
    elif isinstance(fact, facts.ReadingKeyChanged):
        rows.change(Participant, fact.participant, reading_key=hexed(fact.reading_key))
    elif isinstance(fact, facts.SignerAdded):
        rows.put(Signer, {
            "address": hexed(fact.signer), "participant": fact.participant, "valid_from_s": fact.valid_from_s,
            "valid_until_s": fact.valid_until_s, "revoked_at_s": None, "facility": 0})
    elif isinstance(fact, facts.SignerLimited):
        rows.change(Signer, hexed(fact.signer), facility=fact.facility)
    elif isinstance(fact, facts.SignerRevoked):
        rows.change(Signer, hexed(fact.signer), revoked_at_s=now_s)
    elif isinstance(fact, facts.ParticipantRecovered):
        rows.change(Participant, fact.participant, key_epoch=fact.key_epoch)
        for signer in rows.matching(Signer, participant=fact.participant, revoked_at_s=None):
            rows.change(Signer, signer["address"], revoked_at_s=now_s)
    elif isinstance(fact, facts.FacilityRolesSet):
        rows.put(FacilityRole,
                 {"participant": fact.participant, "facility": fact.facility, "roles": fact.roles})
    elif isinstance(fact, facts.DeviceAdded):
        rows.put(Device, {
            "public_key": hexed(fact.public_key), "participant": fact.participant, "facility": fact.facility,
            "valid_from_s": fact.valid_from_s, "valid_until_s": fact.valid_until_s,
            "calibrated_until_s": fact.calibrated_until_s, "revoked_at_s": None})
        _calibrated(rows, fact, now_s)
    elif isinstance(fact, facts.DeviceCalibrated):
        rows.change(Device, hexed(fact.public_key), calibrated_until_s=fact.calibrated_until_s)
        _calibrated(rows, fact, now_s)
    elif isinstance(fact, facts.DeviceRevoked):
        rows.change(Device, hexed(fact.public_key), revoked_at_s=now_s)
    elif isinstance(fact, facts.FacilitySet):
        rows.put(Facility,
                 {"number": fact.facility, "operator": fact.operator, "supervised": fact.supervised})
    elif isinstance(fact, facts.BookSet):
        before = rows.get(Book, fact.book)
        rows.put(Book, {
            "number": fact.book, "owner": fact.owner, "regime": fact.regime, "options": fact.options,
            "opening_open": before["opening_open"] if before else True})
    elif isinstance(fact, facts.RoleGranted):
        rows.put(GovernanceRole, {
            "role": fact.role, "account": hexed(fact.account), "delay_s": fact.delay_s, "ended_at_s": None})
    elif isinstance(fact, facts.RoleRevoked):
        rows.change(GovernanceRole, fact.role, hexed(fact.account), ended_at_s=now_s)
    elif isinstance(fact, facts.ActAnnounced):
        rows.put(Announcement, {
            "operation": hexed(fact.operation), "count": fact.count, "caller": hexed(fact.caller),
            "target": hexed(fact.target), "data": hexed(fact.data), "announced_at_s": now_s,
            "ready_at_s": fact.ready_at_s, "status": "announced", "ended_at_s": None})
    elif isinstance(fact, facts.ActExecuted | facts.ActCancelled):
        status = "executed" if isinstance(fact, facts.ActExecuted) else "cancelled"
        rows.change(Announcement, hexed(fact.operation), fact.count, status=status, ended_at_s=now_s)
    elif isinstance(fact, facts.SuccessorSet):
        rows.end_ledger({
            "successor": hexed(fact.successor), "block_number": header.number, "set_at_s": now_s})
    else:
        rows.change(Book, fact.book, opening_open=False)


def _calibrated(rows: Rows, fact: facts.DeviceAdded | facts.DeviceCalibrated, now_s: int) -> None:
    """One more statement of a device's calibration, after those that there are."""
    key, position = hexed(fact.public_key), 0
    while rows.get(DeviceCalibration, key, position) is not None:
        position += 1
    rows.put(DeviceCalibration, {
        "public_key": key, "position": position, "stated_at_s": now_s,
        "calibrated_until_s": fact.calibrated_until_s})
