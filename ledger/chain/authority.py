"""The authority: who takes part, with which keys, where and in which books. Every act is a transaction.

Each method looks at the state of the chain first: what already stands so is no transaction and answers None,
so that an interrupted set-up is simply run again. An act whose role has a delay is announced by the first
call, which raises AnnouncedError; the same call after the delay carries it out.
"""

from __future__ import annotations

from typing import Any

from ledger.chain.acting import Acting
from ledger.chain.client import Receipt
from ledger.chain.codec import call_data, encode_record, selector
from ledger.chain.deploy import (
    RECOVER,
    ROLE_AUTHORITY,
    ROLE_GATEWAY,
    ROLE_GUARDIAN,
    ROLE_RECOVERY,
    ROLE_REGISTRAR,
    ROLE_SUCCESSION,
    ROLES,
    SET_SUCCESSOR,
    granted_delay_s,
    has_role,
)
from ledger.errors import AnnouncedError, ConflictError, InputError, NotFoundError
from ledger.vocabulary import BookOption, Role

NO_HOLD = 255
"""Hold bit of a participant that may set no hold."""

DELAY_MAX_S = 2**32 - 1
"""The longest delay that the access control can hold, 136 years."""

_ROLES_OF_MEMBERS = (ROLE_REGISTRAR, ROLE_AUTHORITY, ROLE_RECOVERY, ROLE_SUCCESSION)  # as delays_s has them

FOREVER_S = 2**64 - 1
"""End of a signer's window that has none."""


class Authority(Acting):
    """Acts of a member of the authority: the register, gateways, members, guardians, recovery, succession."""

    def admit(
        self, participant: int, roles: Role, *, reading_key: bytes, hold_bit: int = NO_HOLD,
    ) -> Receipt | None:
        """Admit an organisation under its number (1 to 2**24 - 1).

        Raises:
            ConflictError: the number is taken by one with other roles, hold or reading key.
            InputError: the register refuses.
        """
        known = self._view.participant(participant)
        if known is not None:
            if (known.roles, known.hold_bit, known.reading_key) != (roles, hold_bit, reading_key):
                raise ConflictError(
                    f"participant {participant} is already admitted with other roles, hold or reading key.",
                    remedy="Change its roles or its reading key instead.")
            return None
        return self._register(
            "admit(uint32,uint16,uint8,bytes32)", participant, int(roles), hold_bit, reading_key)

    def set_roles(self, participant: int, roles: Role) -> Receipt | None:
        """Give an organisation other roles: all that it has from now on."""
        if self._participant(participant).roles == roles:
            return None
        return self._register("setRoles(uint32,uint16)", participant, int(roles))

    def suspend(self, participant: int) -> Receipt | None:
        """Refuse all acts of an organisation until it is reinstated."""
        if self._participant(participant).suspended:
            return None
        return self._register("suspend(uint32)", participant)

    def reinstate(self, participant: int) -> Receipt | None:
        """Let a suspended organisation act again."""
        if not self._participant(participant).suspended:
            return None
        return self._register("reinstate(uint32)", participant)

    def set_reading_key(self, participant: int, reading_key: bytes) -> Receipt | None:
        """Give an organisation a new X25519 key; older payloads stay sealed to the older one."""
        if self._participant(participant).reading_key == reading_key:
            return None
        return self._register("setReadingKey(uint32,bytes32)", participant, reading_key)

    def add_signer(
        self, signer: bytes, participant: int, *, valid_from_s: int = 0, valid_until_s: int = FOREVER_S,
        facility: int = 0,
    ) -> Receipt | None:
        """Let a key sign for an organisation between two block times, both included.

        Args:
            facility: the one place at which it may act; 0 for anywhere.

        Raises:
            ConflictError: the key is known with another participant or window, or revoked.
        """
        known = self._view.signer(signer)
        if known is not None:
            found = (known.participant, known.valid_from_s, known.valid_until_s, known.facility)
            if known.revoked or found != (participant, valid_from_s, valid_until_s, facility):
                raise ConflictError(
                    f"the key 0x{signer.hex()} is already known"
                    f"{' and revoked' if known.revoked else ' with another participant, window or place'}.",
                    remedy="Make a new key: a key is never used again or moved.")
            return None
        self._check_no_account(signer)
        if facility:
            return self._register("addSignerAt(address,uint32,uint64,uint64,uint32)", signer, participant,
                                  valid_from_s, valid_until_s, facility)
        return self._register(
            "addSigner(address,uint32,uint64,uint64)", signer, participant, valid_from_s, valid_until_s)

    def revoke_signer(self, signer: bytes) -> Receipt | None:
        """Revoke a key for good; what was recorded under it stays valid."""
        known = self._view.signer(signer)
        if known is not None and known.revoked:
            return None
        return self._register("revokeSigner(address)", signer)

    def set_facility_roles(self, participant: int, facility: int, roles: Role) -> Receipt | None:
        """Give an organisation roles at one place: all that it has there from now on, none to end them."""
        self._participant(participant)
        if self._view.facility_roles(participant, facility) == roles:
            return None
        return self._register("setFacilityRoles(uint32,uint32,uint16)", participant, facility, int(roles))

    def add_device(
        self, public_key: bytes, participant: int, *, facility: int = 0, valid_from_s: int = 0,
        valid_until_s: int = FOREVER_S, calibrated_until_s: int = 0,
    ) -> Receipt | None:
        """Register a measuring device by its Ed25519 public key.

        Args:
            facility: where it stands; 0 for one that is carried about.
            calibrated_until_s: last second up to which its calibration holds; 0 for none yet.

        Raises:
            ConflictError: the key is known with another participant, place or window, or revoked.
        """
        known = self._view.device(public_key)
        if known is not None:
            found = (known.participant, known.facility, known.valid_from_s, known.valid_until_s)
            revoked = known.revoked_at_s is not None
            if revoked or found != (participant, facility, valid_from_s, valid_until_s):
                raise ConflictError(
                    f"the device 0x{public_key.hex()} is already known"
                    f"{' and revoked' if revoked else ' with another participant, place or window'}.",
                    remedy="Give the device a new key: a key is never used again or moved.")
            return None
        return self._register(
            "addDevice(bytes32,uint32,uint32,uint64,uint64,uint64)", public_key, participant, facility,
            valid_from_s, valid_until_s, calibrated_until_s)

    def set_calibration(self, public_key: bytes, calibrated_until_s: int) -> Receipt | None:
        """State until when a device's calibration holds."""
        known = self._view.device(public_key)
        if known is not None and (known.calibrated_until_s, known.revoked_at_s) == (calibrated_until_s, None):
            return None
        return self._register("setCalibration(bytes32,uint64)", public_key, calibrated_until_s)

    def revoke_device(self, public_key: bytes) -> Receipt | None:
        """Revoke a device for good; its readings in recorded events stay as good as they were."""
        known = self._view.device(public_key)
        if known is not None and known.revoked_at_s is not None:
            return None
        return self._register("revokeDevice(bytes32)", public_key)

    def set_facility(self, facility: int, operator: int, *, supervised: bool) -> Receipt | None:
        """Set up or change a place."""
        known = self._view.facility(facility)
        if known is not None and (known.operator, known.supervised) == (operator, supervised):
            return None
        return self._register("setFacility(uint32,uint32,bool)", facility, operator, supervised)

    def set_book(self, book: int, owner: int, *, regime: int, options: BookOption) -> Receipt | None:
        """Set up a book with its opening open, or change regime and options of one that exists."""
        known = self._view.book(book)
        if known is not None and (known.owner, known.regime, known.options) == (owner, regime, int(options)):
            return None
        return self._register("setBook(uint32,uint32,uint8,uint8)", book, owner, regime, int(options))

    def close_opening(self, book: int) -> Receipt | None:
        """Take no opening stock into a book any more."""
        known = self._view.book(book)
        if known is not None and not known.opening_open:
            return None
        return self._register("closeOpening(uint32)", book)

    def grant_gateway(self, address: bytes) -> Receipt | None:
        """Let an account send batches."""
        return self._grant(ROLE_GATEWAY, address)

    def revoke_gateway(self, address: bytes) -> Receipt | None:
        """Take batches from an account no longer."""
        return self._revoke(ROLE_GATEWAY, address)

    def add_guardian(self, address: bytes) -> Receipt | None:
        """Let an account cancel what members announce."""
        return self._grant(ROLE_GUARDIAN, address)

    def remove_guardian(self, address: bytes) -> Receipt | None:
        """Let an account cancel no more."""
        return self._revoke(ROLE_GUARDIAN, address)

    def add_member(self, address: bytes) -> Receipt | None:
        """Make an account a member of the authority; one that is gets the delays of now (`set_delays`)."""
        self._check_unused(address)
        manager = self._deployment.manager
        if self._view.delays_s() == tuple(
                granted_delay_s(self._chain, manager, role, address) for role in _ROLES_OF_MEMBERS):
            return None
        return self.carry_out(self._deployment.manager, call_data("addMember(address)", address))

    def set_delays(self, register: int, authority: int, recovery: int, succession: int) -> Receipt | None:
        """Set the seconds that acts of members wait who are added from now on; `add_member` again renews one.

        Raises:
            InputError: not a number of seconds that fits.
        """
        wanted = (register, authority, recovery, succession)
        if not all(0 <= seconds <= DELAY_MAX_S for seconds in wanted):
            raise InputError(f"a delay is between 0 and {DELAY_MAX_S} seconds.")
        if self._view.delays_s() == wanted:
            return None
        return self.carry_out(
            self._deployment.manager, call_data("setDelays((uint32,uint32,uint32,uint32))", wanted))

    def delays_s(self) -> tuple[int, int, int, int]:
        """Seconds that a new member waits: with the register, the authority, a recovery, a succession."""
        return self._view.delays_s()

    def remove_member(self, address: bytes) -> Receipt | None:
        """Take an account out of the authority; the last one stays.

        Raises:
            InputError: it is the last one.
        """
        if not self._has(ROLE_AUTHORITY, address):
            return None
        if self._view.member_count() == 1:
            raise InputError(f"0x{address.hex()} is the last member of the authority.",
                             remedy="Add another one first.")
        return self.carry_out(self._deployment.manager, call_data("removeMember(address)", address))

    def recover(
        self, participant: int, signer: bytes, *, reading_key: bytes, valid_from_s: int = 0,
        valid_until_s: int = FOREVER_S,
    ) -> Receipt | None:
        """End all keys of a participant that lost them, and give it a new signer and reading key.

        Raises:
            ConflictError: the new key is known already.
        """
        self._participant(participant)
        known = self._view.signer(signer)
        if known is not None:
            raise ConflictError(f"the key 0x{signer.hex()} is already known.",
                                remedy="Make a new key: a key is never used again or moved.")
        self._check_no_account(signer)
        return self.carry_out(self._deployment.participants, call_data(
            RECOVER, participant, signer, valid_from_s, valid_until_s, reading_key))

    def succeed(self, successor: bytes) -> Receipt | None:
        """End this ledger: from then on it takes no events, and clients follow to the successor."""
        if self._view.successor() == successor:
            return None
        return self.carry_out(self._deployment.ledger, call_data(SET_SUCCESSOR, successor))

    def check_opened(self, ledger: bytes) -> None:
        """Refuse to name a successor that gateways cannot record on: the network would stand still.

        Raises:
            InputError: it is not opened yet.
        """
        known = self._chain.call(self._deployment.manager, call_data(
            "getTargetFunctionRole(address,bytes4)", ledger, encode_record([])[:4]))
        if int.from_bytes(known, "big") != ROLE_GATEWAY:
            raise InputError(
                f"gateways may not record on 0x{ledger.hex()} yet.",
                remedy=f"cargoledger authority prepare-successor --ledger 0x{ledger.hex()}")

    def open_ledger(self, ledger: bytes) -> Receipt | None:
        """Let gateways record on another ledger of this network, and members end it.

        Raises:
            AnnouncedError: both acts are announced, or were; their time has not come.
        """
        receipt, waits = None, None
        opens = ((encode_record([])[:4], ROLE_GATEWAY), (selector(SET_SUCCESSOR), ROLE_SUCCESSION))
        for function, role in opens:
            known = self._chain.call(self._deployment.manager, call_data(
                "getTargetFunctionRole(address,bytes4)", ledger, function))
            if int.from_bytes(known, "big") == role:
                continue
            try:
                receipt = self.carry_out(self._deployment.manager, call_data(
                    "setTargetFunctionRole(address,bytes4[],uint64)", ledger, [function], role))
            except AnnouncedError as fault:
                waits = fault
        if waits is not None:
            raise waits
        return receipt

    def cancel(self, caller: bytes, target: bytes, data: bytes) -> Receipt:
        """Cancel what an account announced: as a guardian, as a member, or as that account.

        Raises:
            InputError: it is not announced, or this account may not cancel it.
        """
        return self._sender.send(self._deployment.manager, call_data(
            "cancel(address,address,bytes)", caller, target, data))

    def _has(self, role: int, address: bytes) -> bool:
        return has_role(self._chain, self._deployment.manager, role, address)

    def _grant(self, role: int, address: bytes) -> Receipt | None:
        self._check_unused(address)
        if self._has(role, address):
            return None
        return self.carry_out(
            self._deployment.manager, call_data("grantRole(uint64,address,uint32)", role, address, 0))

    def _revoke(self, role: int, address: bytes) -> Receipt | None:
        if not self._has(role, address):
            return None
        return self.carry_out(
            self._deployment.manager, call_data("revokeRole(uint64,address)", role, address))

    def _check_unused(self, address: bytes) -> None:
        """An account that governs or carries batches signs no events: one key, one role."""
        known = self._view.signer(address)
        if known is not None:
            raise ConflictError(
                f"0x{address.hex()} is a signer of participant {known.participant}.",
                remedy="Make a key of its own: no key has two roles.")

    def _check_no_account(self, signer: bytes) -> None:
        if any(self._has(role, signer) for role in ROLES):
            raise ConflictError(f"0x{signer.hex()} is an account of the authority, a guardian or a gateway.",
                                remedy="Make a key of its own: no key has two roles.")

    def _register(self, signature: str, *arguments: Any) -> Receipt:
        return self.carry_out(self._deployment.participants, call_data(signature, *arguments))

    def _participant(self, number: int) -> Any:
        known = self._view.participant(number)
        if known is None:
            raise NotFoundError(f"no participant {number} was admitted.")
        return known

