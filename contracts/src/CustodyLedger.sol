// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Act, ActLib} from "./Act.sol";
import {BookKinds} from "./BookKinds.sol";
import {CustodyRules} from "./CustodyRules.sol";
import {EventHash} from "./EventHash.sol";
import {Format} from "./Format.sol";
import {DeclaredLine, ICustodyLedger, Lot, Pending} from "./ICustodyLedger.sol";
import {IParticipants, Participant, Signer} from "./IParticipants.sol";
import {LineRules} from "./LineRules.sol";
import {LotRules} from "./LotRules.sol";
import {Places} from "./Places.sol";
import {LotRecord, Store, StoreLib} from "./Store.sol";
import {CustodyEvent, SignedEvent} from "./Types.sol";
import {Kinds, Outcomes} from "./Vocabulary.sol";
import {LotWord} from "./Words.sol";

/// @title The custody ledger
/// @notice Takes signed events in batches from admitted gateways, refuses what is impossible or not allowed, and
///         logs every act with its outcome.
/// @dev The way of an event: (1) whose signature, (2) nonce used once, (3) key's window, deadline, time, (4) form,
///      (5) suspension, place of a key limited to one, (6) the row of its kind, in CustodyRules, LineRules,
///      BookRules, LotRules, ApprovalRules; the rarer kinds by way of BookKinds, a library linked at deployment.
///      A fault in (1) or (2) means that the event is not taken. After that its nonce is burned and it has one
///      outcome, and the head of everything it names moves on, refused or not.
///      What always holds:
///      1. Every open container, cargo and lot has exactly one custodian.
///      2. Custody changes only by ACCEPT of an open offer, to the acceptor.
///      3. Only GATE_OUT frees what is supervised, never under hold.
///      4. No balance is ever negative; SPLIT, MERGE, ISSUE_PROD and RETURN_PROD conserve.
///      5. Per line: exited <= drawn <= quantity, and what is loaded for it is drawn - exited.
///      6. A nonce is used at most once, so an event has at most one outcome, ever.
///      7. Nobody acts outside its key's window, while suspended, or without the role, at block time.
///      8. The head of a unit or line is the fold of the outcomes that named it.
///      9. No proxy, no owner, no delegatecall but to the library whose address stands in the code: a new version
///         is a new contract, recorded here as the successor, after which nothing more is taken.
contract CustodyLedger is AccessManaged, EIP712, ICustodyLedger {
    using ActLib for Act;
    using LotWord for uint256;
    using StoreLib for Store;

    uint256 private constant CLOCK_SKEW_S_MAX = 300;
    uint256 private constant KEYS_CACHED_MAX = 32; // bounds the search; a batch seldom has more signers

    /// @dev What the register says of a key, kept for the length of a batch.
    struct Standing {
        address signer;
        Signer key;
        Participant holder;
    }

    IParticipants private immutable _register;

    Store private _store;
    address private _successor;

    /// @notice There is no contract where the register of participants should be.
    /// @param participants What was given.
    error CustodyLedgerNoParticipants(address participants);

    /// @notice The ledger takes no more events: its successor does.
    /// @param successor Address of the ledger that follows.
    error CustodyLedgerSucceeded(address successor);

    /// @notice A successor is another contract, and there is one only.
    /// @param successor What was given.
    error CustodyLedgerNoSuccessor(address successor);

    /// @notice The ledger obeys one AccessManager and believes one register.
    /// @dev Reverts if there is no contract at the register's address.
    /// @param manager Address of the AccessManager.
    /// @param participants_ Address of Participants.
    constructor(address manager, address participants_) AccessManaged(manager) EIP712("CargoLedger", "1") {
        if (participants_.code.length == 0) revert CustodyLedgerNoParticipants(participants_);
        _register = IParticipants(participants_);
    }

    /// @inheritdoc ICustodyLedger
    function record(SignedEvent[] calldata batch) external restricted returns (uint16[] memory outcomes) {
        if (_successor != address(0)) revert CustodyLedgerSucceeded(_successor);
        outcomes = new uint16[](batch.length);
        Standing[] memory cache =
            new Standing[](batch.length < KEYS_CACHED_MAX ? batch.length : KEYS_CACHED_MAX);
        for (uint256 i = 0; i < batch.length; ++i) {
            outcomes[i] = uint16(_take(batch[i], cache));
        }
    }

    /// @inheritdoc ICustodyLedger
    function setSuccessor(address next) external restricted {
        if (_successor != address(0)) revert CustodyLedgerSucceeded(_successor);
        if (next == address(this) || next.code.length == 0) revert CustodyLedgerNoSuccessor(next);
        _successor = next;
        emit SuccessorSet(next);
    }

    /// @inheritdoc ICustodyLedger
    function successor() external view returns (address) {
        return _successor;
    }

    /// @inheritdoc ICustodyLedger
    function unitOf(bytes32 unit) external view returns (uint256) {
        return _store.units[unit];
    }

    /// @inheritdoc ICustodyLedger
    function lotOf(bytes32 lot) external view returns (Lot memory) {
        LotRecord memory kept = _store.lots[lot];
        return Lot({
            material: kept.material,
            sourceLine: kept.sourceLine,
            book: kept.more.book(),
            origin: kept.more.origin(),
            balances: kept.balances,
            more: kept.more.logged()
        });
    }

    /// @inheritdoc ICustodyLedger
    function lineOf(bytes32 line) external view returns (DeclaredLine memory) {
        return _store.lines[line];
    }

    /// @inheritdoc ICustodyLedger
    function loadedOf(bytes32 lot, bytes32 line) external view returns (uint64) {
        return _store.loaded[lot][line];
    }

    /// @inheritdoc ICustodyLedger
    function headOf(bytes32 unit) external view returns (bytes32) {
        return _store.heads[unit];
    }

    /// @inheritdoc ICustodyLedger
    function pendingOf(bytes32 eventId) external view returns (Pending memory) {
        return _store.pending[eventId];
    }

    /// @inheritdoc ICustodyLedger
    function nonceUsed(address signer, uint64 nonce) external view returns (bool) {
        return _store.nonceUsed(signer, nonce);
    }

    /// @inheritdoc ICustodyLedger
    function domainSeparator() external view returns (bytes32) {
        return _domainSeparatorV4();
    }

    /// @inheritdoc ICustodyLedger
    function participants() external view returns (address) {
        return address(_register);
    }

    function _take(SignedEvent calldata signed, Standing[] memory cache) private returns (uint256) {
        CustodyEvent memory e = signed.custodyEvent;
        bytes32 id = _hashTypedDataV4(EventHash.structHash(e));
        (address signer, ECDSA.RecoverError error_,) = ECDSA.tryRecoverCalldata(id, signed.signature);
        if (error_ != ECDSA.RecoverError.NoError) return _leave(id, Outcomes.BAD_SIGNATURE);
        Standing memory standing = _standingOf(signer, cache);
        if (standing.key.participant == 0) return _leave(id, Outcomes.UNKNOWN_SIGNER);
        if (_store.nonceUsed(signer, e.nonce)) return _leave(id, Outcomes.NONCE_USED);
        _store.burnNonce(signer, e.nonce);

        Act memory act = Act({
            id: id,
            domain: _domainSeparatorV4(),
            register: _register,
            signer: signer,
            participant: standing.key.participant,
            roles: standing.holder.roles,
            holdBit: standing.holder.holdBit,
            supervises: standing.holder.supervisedCount != 0
        });
        uint256 outcome = _checkSignerAndTime(standing.key, e);
        if (outcome == Outcomes.RECORDED) outcome = Format.fault(e);
        if (outcome == Outcomes.RECORDED && standing.holder.suspended) {
            outcome = Outcomes.PARTICIPANT_SUSPENDED;
        }
        if (
            outcome == Outcomes.RECORDED && standing.key.facility != 0
                && !Places.happensAt(_store, e, standing.key.facility)
        ) outcome = Outcomes.SIGNER_ELSEWHERE;
        if (outcome == Outcomes.RECORDED) outcome = _judge(act, e, signed.witness);
        if (outcome & Outcomes.TOLD != 0) {
            outcome ^= Outcomes.TOLD;
        } else if (outcome > Outcomes.PENDING) {
            act.tell(e, outcome);
        }
        if (Format.isList(e.lines)) _store.foldHeads(id, e, outcome);
        return outcome;
    }

    function _leave(bytes32 id, uint256 code) private returns (uint256) {
        emit EventNotTaken(id, uint16(code));
        return code;
    }

    /// @dev To the row of its kind. Format has refused kinds that are not available.
    function _judge(Act memory act, CustodyEvent memory e, bytes calldata witness) private returns (uint256) {
        uint8 kind = e.kind;
        if (kind == Kinds.OBSERVE) {
            act.tell(e, Outcomes.RECORDED); // evidence: whatever it says, the payload binds it
            return Outcomes.RECORDED;
        }
        if (kind == Kinds.ARRIVE) return CustodyRules.arrive(_store, act, e);
        if (kind == Kinds.OFFER) return CustodyRules.offer(_store, act, e);
        if (kind == Kinds.ACCEPT) return CustodyRules.accept(_store, act, e);
        if (kind == Kinds.REFUSE || (kind == Kinds.CANCEL && e.lines.length != 0)) {
            return CustodyRules.closeOffer(_store, act, e);
        }
        if (kind == Kinds.HOLD || kind == Kinds.UNHOLD) return CustodyRules.hold(_store, act, e);
        if (kind == Kinds.ELIGIBLE || kind == Kinds.REVOKE) return CustodyRules.eligible(_store, act, e);
        if (kind == Kinds.GATE_OUT) return CustodyRules.gateOut(_store, act, e);
        if (kind == Kinds.CLOSE) return CustodyRules.close(_store, act, e);
        if (kind == Kinds.ISSUE_PROD || kind == Kinds.RETURN_PROD) {
            return LotRules.issueOrReturn(_store, act, e);
        }
        if (kind == Kinds.EXPORT_LOAD) return LineRules.exportLoad(_store, act, e);
        if (kind == Kinds.EXIT_CONFIRM) return LineRules.exitConfirm(_store, act, e);
        return BookKinds.judge(_store, act, e, witness);
    }

    /// @dev What the register says of a key; asked once a batch, since it cannot change within a transaction.
    function _standingOf(address signer, Standing[] memory cache)
        private
        view
        returns (Standing memory standing)
    {
        uint256 i = 0;
        for (; i < cache.length && cache[i].signer != address(0); ++i) {
            if (cache[i].signer == signer) return cache[i];
        }
        standing.signer = signer;
        standing.key = _register.signerOf(signer);
        standing.holder = _register.participantOf(standing.key.participant);
        if (i < cache.length) cache[i] = standing;
    }

    /// @dev Judged at block time; when it happened may lie in the past without limit.
    function _checkSignerAndTime(Signer memory key, CustodyEvent memory e) private view returns (uint256) {
        if (key.revokedAt != 0) return Outcomes.SIGNER_REVOKED;
        if (block.timestamp < key.validFrom) return Outcomes.SIGNER_NOT_YET_VALID;
        if (block.timestamp > key.validUntil) return Outcomes.SIGNER_EXPIRED;
        if (block.timestamp > e.deadline) return Outcomes.DEADLINE_PASSED;
        if (e.occurredAt > (block.timestamp + CLOCK_SKEW_S_MAX) * 1000) return Outcomes.TIME_IN_FUTURE;
        return Outcomes.RECORDED;
    }
}
