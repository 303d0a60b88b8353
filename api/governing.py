"""Governing from a home: who governs, what is announced, carrying out, cancelling, recovering a participant.

The state of the authority is read from the index, which is brought up to date first; every act is sent by an
account whose key a URI names, by default the home's own authority key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import col, select

from indexer.models import Announcement, GovernanceRole, Signer
from ledger.chain.acting import EXPIRES_S
from ledger.chain.acts import ROLE_NAMES, describe
from ledger.chain.authority import Authority
from ledger.errors import AnnouncedError, ConflictError, InputError, NotFoundError

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.home import Home
    from ledger.directory import ParticipantEntry


class Governing:
    """Acts and questions of a member or guardian.

    Args:
        home: whose ledger is governed.
        key: URI of the account that acts; empty for the home's authority key.
    """

    def __init__(self, home: Home, key: str = "") -> None:
        self._home = home
        self._key = key

    @property
    def authority(self) -> Authority:
        """The account's acts on the contracts."""
        if not self._key:
            return self._home.authority
        return Authority(self._home.chain, self._home.deployment, self._home.keyring.open(self._key))

    def roles(self) -> list[dict[str, Any]]:
        """Every account that governs or sends, with its roles and the seconds that its acts wait."""
        self._home.indexer.run_once()
        found: dict[str, dict[str, Any]] = {}
        with self._home.session() as session:
            query = select(GovernanceRole).where(col(GovernanceRole.ended_at_s).is_(None))
            for row in session.exec(query.order_by(col(GovernanceRole.role), col(GovernanceRole.account))):
                entry = found.setdefault(row.account, {"account": row.account, "roles": {}})
                entry["roles"][ROLE_NAMES.get(row.role, str(row.role))] = row.delay_s
        return list(found.values())

    def announced(self) -> list[dict[str, Any]]:
        """What is announced and neither carried out, cancelled nor expired, what may be done first on top."""
        self._home.indexer.run_once()
        now = self._home.clock()
        with self._home.session() as session:
            rows = session.exec(select(Announcement).where(
                Announcement.status == "announced", Announcement.ready_at_s > now - EXPIRES_S,
            ).order_by(col(Announcement.ready_at_s), col(Announcement.operation))).all()
            return [{
                "id": row.operation, "what": describe(bytes.fromhex(row.data[2:])), "by": row.caller,
                "announcedAt": row.announced_at_s, "readyAt": row.ready_at_s,
                "expiresAt": row.ready_at_s + EXPIRES_S, "ready": row.ready_at_s <= now} for row in rows]

    def execute(self, operation: str) -> dict[str, Any]:
        """Carry out what this account announced.

        Raises:
            NotFoundError: nothing of this id is announced.
            InputError: another account announced it.
            AnnouncedError: its time has not come.
        """
        row = self._find(operation)
        authority = self.authority
        if "0x" + authority.address.hex() != row.caller:
            raise InputError(f"{row.caller} announced this, and only that account can carry it out.",
                             remedy="Name its key: --key URI.")
        authority.carry_out(bytes.fromhex(row.target[2:]), bytes.fromhex(row.data[2:]))
        self._adopt()
        return {"id": row.operation, "what": describe(bytes.fromhex(row.data[2:])), "done": True}

    def cancel(self, operation: str) -> dict[str, Any]:
        """Cancel what was announced, as a guardian, a member, or the account that announced it.

        Raises:
            NotFoundError: nothing of this id is announced.
        """
        row = self._find(operation)
        caller, target, data = (bytes.fromhex(x[2:]) for x in (row.caller, row.target, row.data))
        self.authority.cancel(caller, target, data)
        return {"id": row.operation, "what": describe(data), "cancelled": True}

    def recover(
        self, participant_id: str, *, signer: bytes | None = None, reading_key: bytes | None = None,
    ) -> dict[str, Any]:
        """End all keys of a participant that lost them, and give it new ones: those named, or made here.

        Keys made here lie in the folder `recovery` until the recovery is carried out, then take the place of
        the old ones.
        """
        if (signer is None) != (reading_key is None):
            raise InputError("a participant with keys of its own gives both a reading key and a signer.")
        entry = self._home.directory.participant(participant_id)
        if signer is None or reading_key is None:
            made, opens = self._home.keyring.recovery_keys(entry.id)
            signer, reading_key = made.address, opens.public
        document: dict[str, Any] = {
            "participant": entry.id, "signer": "0x" + signer.hex(), "readingKey": "0x" + reading_key.hex()}
        known = self._home.registered(signer)
        if known["participant"] is None:
            document |= attempt(lambda: self.authority.recover(
                entry.number, signer, reading_key=reading_key))
        elif known["participant"] != entry.number or known["revoked"]:
            raise ConflictError(f"the key 0x{signer.hex()} is already known.",
                                remedy="Make a new key: a key is never used again or moved.")
        self._adopt()
        return document

    def prepare_successor(self, ledger: bytes | None = None) -> dict[str, Any]:
        """Deploy this version's ledger beside the present one, and open it to the gateways.

        Args:
            ledger: one deployed before, only to be opened now.
        """
        from ledger.chain.succession import deploy_successor, verified

        home, authority = self._home, self.authority
        if ledger is None:
            ledger = deploy_successor(home.chain, home.followed(), authority.account)
        else:
            verified(home.chain, home.followed(), ledger)
        address = ledger
        return {"ledger": "0x" + address.hex(), **attempt(lambda: authority.open_ledger(address))}

    def succeed(self, ledger: bytes) -> dict[str, Any]:
        """End the present ledger and name the one that follows: once, for good."""
        from ledger.chain.succession import verified

        home, authority = self._home, self.authority
        if ledger != home.followed().ledger:
            verified(home.chain, home.deployment, ledger)
            authority.check_opened(ledger)
            document = attempt(lambda: authority.succeed(ledger))
            home.followed()
        else:
            document = {"done": True, "changed": False}
        return {"ledger": "0x" + ledger.hex(), **document}

    def standing(self, entry: ParticipantEntry) -> dict[str, Any]:
        """What the index knows of a participant's standing and of every key that it ever had."""
        self._home.indexer.run_once()
        from indexer.models import Device, FacilityRole, Participant
        from ledger.vocabulary import Role

        def names(mask: int) -> list[str]:
            return [str(role.name) for role in Role if role in Role(mask)]

        with self._home.session() as session:
            row = session.get(Participant, entry.number)
            if row is None:
                raise NotFoundError(f"{entry.id!r} is not admitted on the ledger.")
            signers = session.exec(select(Signer).where(Signer.participant == entry.number)
                                   .order_by(col(Signer.valid_from_s), col(Signer.address))).all()
            local = session.exec(select(FacilityRole).where(FacilityRole.participant == entry.number)
                                 .order_by(col(FacilityRole.facility))).all()
            devices = session.exec(select(Device).where(Device.participant == entry.number)
                                   .order_by(col(Device.public_key))).all()
            return {
                "number": entry.number, "id": entry.id, "name": entry.name, "roles": names(row.roles),
                "facilityRoles": {self._place(x.facility): names(x.roles) for x in local if x.roles},
                "suspended": row.suspended, "recoveries": row.key_epoch, "readingKey": row.reading_key,
                "signers": [{
                    "address": x.address, "validFrom": x.valid_from_s, "validUntil": x.valid_until_s,
                    "revokedAt": x.revoked_at_s, "facility": self._place(x.facility)} for x in signers],
                "devices": [{
                    "publicKey": x.public_key, "facility": self._place(x.facility),
                    "validFrom": x.valid_from_s, "validUntil": x.valid_until_s,
                    "calibratedUntil": x.calibrated_until_s,
                    "revokedAt": x.revoked_at_s} for x in devices],
            }

    def _place(self, number: int) -> str | None:
        if not number:
            return None
        try:
            return self._home.directory.facility(number).id
        except NotFoundError:
            return str(number)

    def _find(self, operation: str) -> Announcement:
        self._home.indexer.run_once()
        with self._home.session() as session:
            found = session.exec(select(Announcement).where(
                Announcement.status == "announced", col(Announcement.operation).startswith(operation.lower()),
            ).order_by(col(Announcement.count).desc())).all()
        if not found or len({row.operation for row in found}) > 1 or len(operation) < 6:
            raise NotFoundError(f"nothing is announced as {operation!r}.",
                                remedy="See: cargoledger authority pending")
        return found[0]

    def _adopt(self) -> None:
        """New keys that were recovered to take their place."""
        for participant_id in self._home.keyring.recovering():
            signer, _ = self._home.keyring.recovery_keys(participant_id)
            if self._home.registered(signer.address)["participant"] is not None:
                self._home.keyring.adopt_recovery(participant_id)
                self._home.keys_changed()


def attempt(act: Callable[[], object]) -> dict[str, Any]:
    """Do an act: whether it is done, or from when what was announced may be carried out."""
    try:
        changed = act() is not None
    except AnnouncedError as waits:
        return {"done": False, "announced": "0x" + waits.operation.hex(), "readyAt": waits.ready_at_s}
    return {"done": True, "changed": changed}
