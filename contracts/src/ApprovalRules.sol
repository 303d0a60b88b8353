// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Act, ActLib} from "./Act.sol";
import {BookRules} from "./BookRules.sol";
import {EventHash} from "./EventHash.sol";
import {Pending} from "./ICustodyLedger.sol";
import {Participant} from "./IParticipants.sol";
import {Store, StoreLib} from "./Store.sol";
import {CustodyEvent} from "./Types.sol";
import {Outcomes, Roles} from "./Vocabulary.sol";

/// @title What waits for customs, and corrections: APPROVE, DENY, CANCEL of a pending event, CORRECT
/// @dev One mechanism for all kinds that need approval; at present that is OPENING. ADJUST, REASSIGN and DESTROY
///      have their place in _checkPending and _executePending.
library ApprovalRules {
    using ActLib for Act;
    using StoreLib for Store;

    /// @dev APPROVE. Who: customs, never of an own event. Needs: the pending event, shown by the witness. Does:
    ///      every check of the pending kind again, now; then executes it. If a check fails, APPROVE is refused with
    ///      that code and the pending event ends.
    function approve(Store storage s, Act memory act, CustodyEvent memory e, bytes calldata witness)
        internal
        returns (uint256)
    {
        if (!act.has(Roles.CUSTOMS)) return Outcomes.ROLE_MISSING;
        Pending memory pending = s.pendingAt(e.reference_);
        if (pending.kind == 0) return Outcomes.NOT_PENDING;
        if (pending.participant == act.participant) return Outcomes.OWN_EVENT;
        (bool ok, CustodyEvent memory pendingEvent) = EventHash.eventIn(witness);
        if (!ok || act.digest(pendingEvent) != e.reference_) return Outcomes.WITNESS_MISMATCH;

        Act memory poster = _posterOf(act, e.reference_, pending);
        uint256 fault = _checkPending(s, poster, pendingEvent);
        act.tell(e, fault);
        s.endPending(e.reference_);
        if (fault == Outcomes.RECORDED) _executePending(s, poster, pendingEvent);
        return fault | Outcomes.TOLD;
    }

    /// @dev DENY. Who: customs. Needs: the pending event. Does: ends it.
    function deny(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        if (!act.has(Roles.CUSTOMS)) return Outcomes.ROLE_MISSING;
        if (s.pendingAt(e.reference_).kind == 0) return Outcomes.NOT_PENDING;
        act.tell(e, Outcomes.RECORDED);
        s.endPending(e.reference_);
        return Outcomes.RECORDED;
    }

    /// @dev CANCEL of an own pending event. Who: its poster. Does: ends it.
    function cancelPending(Store storage s, Act memory act, CustodyEvent memory e)
        internal
        returns (uint256)
    {
        Pending memory pending = s.pendingAt(e.reference_);
        if (pending.kind == 0) return Outcomes.NOT_PENDING;
        if (pending.participant != act.participant) return Outcomes.NOT_POSTER;
        act.tell(e, Outcomes.RECORDED);
        s.endPending(e.reference_);
        return Outcomes.RECORDED;
    }

    /// @dev CORRECT. Who: the original poster, or customs. Needs: the event, shown with its signature by the
    ///      witness, and taken by this ledger; units, where named, are the original's. Does: nothing; it is evidence
    ///      for index and tracer.
    function correct(Store storage s, Act memory act, CustodyEvent memory e, bytes calldata witness)
        internal
        returns (uint256)
    {
        (bool ok, CustodyEvent memory original, bytes memory signature) = EventHash.signedEventIn(witness);
        if (!ok || act.digest(original) != e.reference_) return Outcomes.WITNESS_MISMATCH;
        (address signer, ECDSA.RecoverError error_,) = ECDSA.tryRecover(e.reference_, signature);
        if (error_ != ECDSA.RecoverError.NoError) return Outcomes.WITNESS_MISMATCH;
        uint32 poster = act.register.signerOf(signer).participant;
        if (poster == 0 || !s.nonceUsed(signer, original.nonce)) return Outcomes.UNKNOWN_REFERENCE;
        if (poster != act.participant && !act.has(Roles.CUSTOMS)) return Outcomes.NOT_POSTER;
        if (e.lines.length != 0 && !_sameUnits(e, original)) return Outcomes.WITNESS_MISMATCH;
        act.tell(e, Outcomes.RECORDED);
        return Outcomes.RECORDED;
    }

    /// @dev The checks of a pending kind, as of now and for its poster.
    function _checkPending(Store storage s, Act memory poster, CustodyEvent memory e)
        private
        view
        returns (uint256)
    {
        if (poster.participantAt(poster.participant).suspended) return Outcomes.PARTICIPANT_SUSPENDED;
        return BookRules.checkOpening(s, poster, e);
    }

    function _executePending(Store storage s, Act memory poster, CustodyEvent memory e) private {
        BookRules.executeOpening(s, poster, e);
    }

    /// @dev The poster of a pending event with its roles of now.
    function _posterOf(Act memory act, bytes32 id, Pending memory pending)
        private
        view
        returns (Act memory poster)
    {
        Participant memory holder = act.participantAt(pending.participant);
        poster.id = id;
        poster.domain = act.domain;
        poster.register = act.register;
        poster.signer = pending.signer;
        poster.participant = pending.participant;
        poster.roles = holder.roles;
        poster.holdBit = holder.holdBit;
        poster.supervises = holder.supervisedCount != 0;
    }

    function _sameUnits(CustodyEvent memory a, CustodyEvent memory b) private pure returns (bool) {
        if (a.lines.length != b.lines.length) return false;
        for (uint256 i = 0; i < a.lines.length; ++i) {
            if (a.lines[i].unit != b.lines[i].unit) return false;
        }
        return true;
    }
}
