"""Content keys for later readers: of a unit's history for who takes it over, and of any payloads on request.

On a recorded ACCEPT the offeror's side grants the acceptor what it can read of the history of the units
taken. Where the offeror's keys are not here, customs does it in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from ledger.chain.codec import Contracts
from ledger.errors import NotFoundError, TrustError
from ledger.events.model import ZERO32
from ledger.gateway.outbox import Outbox
from ledger.gateway.payloads import PayloadStore
from ledger.gateway.store import Store
from ledger.gateway.submission import Settled
from ledger.keys.grants import ENTRIES_MAX, Grant, Scope, make_grant, open_grant
from ledger.keys.reading import ReadingKey
from ledger.keys.sealing import check_opened, content_key_of, open_with_content_key
from ledger.keys.signers import Signer
from ledger.vocabulary import Kind

HANDOVER_REASON = "handover"


@dataclass(frozen=True, slots=True)
class Holder:
    """A participant whose keys are here."""

    participant: int
    signer: Signer
    reading_key: ReadingKey


@dataclass(frozen=True, slots=True)
class Keys:
    """Content keys by commitment, and the commitments that the holder cannot open."""

    opened: dict[bytes, bytes]
    closed: tuple[bytes, ...]


Submitters = Callable[[int], str]
"""The id of a participant, as it stands as submitter in a commitment. Raises NotFoundError."""


def collect_keys(
    payloads: PayloadStore, commitments: Iterable[bytes], holder: Holder,
    submitters: Submitters | None = None,
) -> Keys:
    """The content keys that a holder has: as a reader at posting, or by a grant.

    Commitments without a payload here count as closed, and those whose payload does not open what was
    committed to or (where `submitters` is given) was submitted by another than who posted it.
    """
    opened: dict[bytes, bytes] = {}
    closed = []
    for commitment in commitments:
        key = _content_key(payloads, commitment, holder)
        if key is None or not _is_own(payloads, commitment, key, submitters):
            closed.append(commitment)
        else:
            opened[commitment] = key
    return Keys(opened, tuple(closed))


def _content_key(payloads: PayloadStore, commitment: bytes, holder: Holder) -> bytes | None:
    payload = payloads.get(commitment)
    if payload is None:
        return None
    try:
        return content_key_of(payload, holder.reading_key)
    except (NotFoundError, TrustError):
        pass
    for grant in payloads.granted(commitment, holder.participant):
        try:
            return open_grant(grant, holder.reading_key)[commitment]
        except TrustError:  # to an earlier reading key, or wrongly sealed: another grant may do
            continue
    return None


def _is_own(
    payloads: PayloadStore, commitment: bytes, key: bytes, submitters: Submitters | None,
) -> bool:
    """Whether the content is what was committed to, by the participant that posted the commitment."""
    payload, poster = payloads.get(commitment), payloads.poster_of(commitment)
    if payload is None:
        return False
    try:
        opened = open_with_content_key(payload, key)
        check_opened(opened, commitment)
        return submitters is None or (poster is not None and submitters(poster) == opened.submitter)
    except (NotFoundError, TrustError):
        return False


def grant_payloads(
    payloads: PayloadStore, commitments: Sequence[bytes], *, holder: Holder, grantee: int, grantee_key: bytes,
    chain_id: int, ledger: bytes, scope: Scope, reason: str, now_s: int, until_s: int | None = None,
    reference: bytes = ZERO32, submitters: Submitters | None = None,
) -> list[Grant]:
    """Grant what a holder can open of these payloads to who cannot read them yet, and store the grants.

    Each is opened before: nothing is granted whose content is not what was committed to, nor (where
    `submitters` is given) what another than its poster submitted.

    Returns:
        The grants made: none where nothing is left to give, several where there are more than 4,096 payloads.

    Raises:
        InputError: no reason, or an end before its beginning.
    """
    missing = [c for c in dict.fromkeys(commitments) if grantee not in payloads.readers(c, now_s)]
    found = sorted(collect_keys(payloads, missing, holder, submitters).opened.items())
    grants = []
    for start in range(0, len(found), ENTRIES_MAX):
        grant = make_grant(
            dict(found[start:start + ENTRIES_MAX]), signer=holder.signer, chain_id=chain_id, ledger=ledger,
            grantor=holder.participant, grantee=grantee, grantee_key=grantee_key, scope=scope, reason=reason,
            issued_at_s=now_s, until_s=until_s, reference=reference)
        payloads.add_grant(grant)
        grants.append(grant)
    return grants


class HandoverGrants:
    """A listener for `Gateway.on_settled`: grants the history of what was handed over. May be repeated."""

    def __init__(
        self, store: Store, payloads: PayloadStore, *, deployment: Contracts, chain_id: int,
        holders: Callable[[int], Holder | None], customs: Callable[[], Sequence[int]],
        reading_key: Callable[[int], bytes | None], clock: Callable[[], int],
        submitters: Submitters | None = None,
    ) -> None:
        """Bind the listener to its parts.

        Args:
            store, payloads: the gateway's.
            holders: the keys of a participant, where they are here.
            customs: numbers of customs, who grant in place of an offeror whose keys are elsewhere.
            reading_key: public reading key of a participant.
            clock: seconds since 1970 UTC.
            submitters: id of a participant; with it only what its poster submitted is granted.
        """
        self._outbox = Outbox(store)
        self._payloads = payloads
        self._ledger = deployment.ledger
        self._chain_id = chain_id
        self._holders = holders
        self._customs = customs
        self._reading_key = reading_key
        self._clock = clock
        self._submitters = submitters

    def __call__(self, settled: Settled) -> None:
        """Grant, if the event is a recorded ACCEPT."""
        self.issue_accept_grants(settled)

    def issue_accept_grants(self, settled: Settled) -> list[Grant]:
        """Grant the history of the units of a recorded ACCEPT, by the offeror or customs, to the acceptor.

        Returns:
            The grants made; none if the event is none such, nothing is left to give, or no keys are here.
        """
        event = settled.custody_event
        if event.kind is not Kind.ACCEPT or settled.status != "recorded":
            return []
        offer = self._outbox.stored(event.reference)
        grantors = ([] if offer is None else [offer.participant]) + list(self._customs())
        holder = next(filter(None, (self._holders(number) for number in grantors)), None)
        grantee_key = self._reading_key(settled.participant)
        if holder is None or grantee_key is None or holder.participant == settled.participant:
            return []
        units = tuple(line.unit for line in event.lines)
        history = [commitment for unit in units for commitment in self._payloads.history(unit)]
        return grant_payloads(
            self._payloads, history, holder=holder, grantee=settled.participant, grantee_key=grantee_key,
            chain_id=self._chain_id, ledger=self._ledger, scope=Scope(units=units), reason=HANDOVER_REASON,
            now_s=self._clock(), reference=settled.event_id, submitters=self._submitters)
