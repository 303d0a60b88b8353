// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {Act, ActLib} from "./Act.sol";
import {AdjustRules} from "./AdjustRules.sol";
import {BookRules} from "./BookRules.sol";
import {EventHash} from "./EventHash.sol";
import {Pending} from "./ICustodyLedger.sol";
import {Participant} from "./IParticipants.sol";
import {NonceLib} from "./NonceLib.sol";
import {ReassignRules} from "./ReassignRules.sol";
import {StoreLib} from "./Store.sol";
import {Store} from "./StoreLayout.sol";
import {CustodyEvent} from "./Types.sol";
import {BookOptions, Kinds, Outcomes, Roles} from "./Vocabulary.sol";

/// @title What waits for customs, and corrections: OPENING, DESTROY, ADJUST and REASSIGN as posted, APPROVE, DENY,
///        CANCEL of a pending event, CORRECT
/// @dev One mechanism for all kinds that need approval: the same checks when posted and when approved.
library ApprovalRules {
    using ActLib for Act;
    using NonceLib for Store;
    using StoreLib for Store;

    /// @dev OPENING, DESTROY, ADJUST, REASSIGN, when posted: every check; then it waits for customs, or, a DESTROY in a
    ///      book that does not ask for approval, is executed at once.
    function propose(Store storage s, Act memory act, CustodyEvent memory e) internal returns (uint256) {
        uint256 fault = _checkPending(s, act, e);
        if (fault != Outcomes.RECORDED) return fault;
        if (e.kind == Kinds.DESTROY && act.bookAt(e.book).options & BookOptions.APPROVE_DESTROY == 0) {
            act.tell(e, Outcomes.RECORDED);
            _executePending(s, act, e);
            return Outcomes.RECORDED;
        }
        act.tell(e, Outcomes.PENDING);
        s.setPending(act.id, act, e.kind);
        return Outcomes.PENDING;
    }

    /// @dev Whether the witness of APPROVE or of an ACCEPT into a book shows the event in `reference`; of CORRECT, an
    ///      event with the signature of a key that used its nonce here, the poster's own or, for customs, anybody's.
    ///      Nobody signs a witness, so a wrong one must not burn the nonce of an act: who sends it is at fault.
    function shows(Store storage s, Act memory act, CustodyEvent memory e, bytes calldata witness)
        internal
        view
        returns (bool)
    {
        bytes32 cited = e.reference_;
        if (e.kind != Kinds.CORRECT) {
            (bool isEvent, CustodyEvent memory shown) = EventHash.eventIn(witness);
            return isEvent && act.digest(shown) == cited;
        }
        (bool ok, CustodyEvent memory original, bytes memory signature) = EventHash.signedEventIn(witness);
        if (!ok || act.digest(original) != cited) return false;
        (address signer, ECDSA.RecoverError error_,) = ECDSA.tryRecover(cited, signature);
        if (error_ != ECDSA.RecoverError.NoError) return false;
        uint32 poster = act.register.signerOf(signer).participant;
        if (poster == 0 || !s.nonceUsed(signer, original.nonce)) return false;
        return poster == act.participant || act.has(Roles.CUSTOMS);
    }

    /// @dev APPROVE. Who: customs, never of an own event; of a REASSIGN another signer than its poster. Needs: the
    ///      pending event, shown by the witness. Does: every check of the pending kind again, now, its poster's key
    ///      not revoked and its poster not suspended; then executes it. If a check fails, APPROVE is refused with
    ///      that code and the pending event ends.
    function approve(Store storage s, Act memory act, CustodyEvent memory e, bytes calldata witness)
        internal
        returns (uint256)
    {
        if (!act.has(Roles.CUSTOMS)) return Outcomes.ROLE_MISSING;
        Pending memory pending = s.pendingAt(e.reference_);
        if (pending.kind == 0) return Outcomes.NOT_PENDING;
        bool own = pending.kind == Kinds.REASSIGN
            ? pending.signer == act.signer
            : pending.participant == act.participant;
        if (own) return Outcomes.OWN_EVENT;
        (, CustodyEvent memory pendingEvent) = EventHash.eventIn(witness); // compared with `reference` already

        Act memory poster = _posterOf(act, e.reference_, pending);
        uint256 fault = Outcomes.RECORDED;
        if (act.register.signerOf(pending.signer).revokedAt != 0) fault = Outcomes.SIGNER_REVOKED;
        else if (act.participantAt(pending.participant).suspended) fault = Outcomes.PARTICIPANT_SUSPENDED;
        else fault = _checkPending(s, poster, pendingEvent);
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

    /// @dev CORRECT. Who: the original poster, or customs. Needs: the event, shown with its signature by the witness,
    ///      and taken by this ledger (see shows); units, where named, are the original's. Does: nothing; it is
    ///      evidence for index and tracer, which ADJUST and REASSIGN may name.
    function correct(Store storage s, Act memory act, CustodyEvent memory e, bytes calldata witness)
        internal
        returns (uint256)
    {
        (, CustodyEvent memory original,) = EventHash.signedEventIn(witness);
        if (e.lines.length != 0 && !_sameUnits(e, original)) return Outcomes.UNITS_DIFFER;
        act.tell(e, Outcomes.RECORDED);
        s.setCorrected(e.reference_);
        return Outcomes.RECORDED;
    }

    /// @dev The checks of a kind that may have to wait, as of now and for its poster.
    function _checkPending(Store storage s, Act memory poster, CustodyEvent memory e)
        private
        view
        returns (uint256)
    {
        if (e.kind == Kinds.OPENING) return BookRules.checkOpening(s, poster, e);
        if (e.kind == Kinds.DESTROY) return AdjustRules.checkDestroy(s, poster, e);
        if (e.kind == Kinds.ADJUST) return AdjustRules.checkAdjust(s, poster, e);
        return ReassignRules.check(s, poster, e);
    }

    function _executePending(Store storage s, Act memory poster, CustodyEvent memory e) private {
        if (e.kind == Kinds.OPENING) BookRules.executeOpening(s, poster, e);
        else if (e.kind == Kinds.DESTROY) AdjustRules.executeDestroy(s, e);
        else if (e.kind == Kinds.ADJUST) AdjustRules.executeAdjust(s, e);
        else ReassignRules.execute(s, e);
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
