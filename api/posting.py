"""From EPCIS documents to signed submissions, and from the outbox to the index: a home's work with events."""

from __future__ import annotations

import hmac
import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ledger.chain.views import View
from ledger.events.document import is_correction, read_document, with_event_id
from ledger.events.faults import Fault, InvalidEventError
from ledger.events.model import domain_separator
from ledger.events.profile import NamingContext, interpret
from ledger.gateway.outbox import may_be_renewed
from ledger.gateway.poster import Poster, open_poster_store
from ledger.gateway.readers import ChainReaders
from ledger.gateway.submission import Settled, SignedSubmission, Ticket
from ledger.vocabulary import Role

if TYPE_CHECKING:
    from api.parts import Parts
    from indexer.indexer import Progress
    from ledger.gateway.store import Store

_EARLIER_IN_DOCUMENT = b"\x01" * 32  # stands for the id of an event of the same document while it is checked


@dataclass(frozen=True, slots=True)
class PostResult:
    """What became of a posted event so far.

    Attributes:
        epcis_event_id: label of the content, as posted or as made for it.
        event_id: the ledger's id, 0x-prefixed.
        kind, step: as interpreted.
        status: queued, submitted, recorded, pending, refused or not_taken.
        outcome: name of the outcome code, or None until there is one.
        repeated: the event was posted before; this is where it is now.
    """

    epcis_event_id: str
    event_id: str
    kind: str
    step: str
    status: str
    outcome: str | None
    repeated: bool

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values."""
        return {
            "eventID": self.epcis_event_id,
            "eventId": self.event_id,
            "kind": self.kind,
            "step": self.step,
            "status": self.status,
            "outcome": self.outcome,
            "repeated": self.repeated,
        }


@dataclass(frozen=True, slots=True)
class Settling:
    """What one round brought: events whose outcome became known, and how far the index is."""

    settled: tuple[Settled, ...]
    progress: Progress


class SeededEntropy:
    """Bytes that follow from a seed and the event at hand: an interrupted demonstration repeats itself."""

    def __init__(self, seed: bytes, participant_id: str) -> None:
        self._key = hmac.digest(seed, b"entropy/" + participant_id.encode(), "sha256")
        self._label = b""
        self._count = 0

    def begin(self, label: str) -> None:
        """The next bytes are for the event of that label."""
        self._label, self._count = label.encode(), 0

    def __call__(self, size: int) -> bytes:
        """`size` bytes."""
        out = b""
        while len(out) < size:
            out += hmac.digest(self._key, self._label + self._count.to_bytes(4, "big"), "sha256")
            self._count += 1
        return out[:size]


class Posting:
    """Posters of a home and what they need. Threads may share it; one posts at a time."""

    def __init__(self, home: Parts) -> None:
        self._home = home
        self._lock = threading.RLock()
        self._posters: dict[str, Poster] = {}
        self._stores: list[Store] = []
        self._entropy: dict[str, SeededEntropy] = {}
        self.readers = ChainReaders(home.payloads.readers_of, View(home.chain, home.deployment))

    def close(self) -> None:
        """Let go of the posters' files."""
        for store in self._stores:
            store.close()

    def naming(self, participant_id: str) -> NamingContext:
        """What names of an event mean when this participant posts it."""
        home = self._home
        poster = home.directory.participant(participant_id).number
        return NamingContext(
            network_secret=home.keyring.network_secret(),
            directory=home.directory,
            enterprise_keys=home.keyring.enterprise_keys(),
            poster=participant_id,
            resolve_event=lambda label: home.gateway.resolve_event(label, poster),
        )

    def poster(self, participant_id: str) -> Poster:
        """The poster of a participant whose signer is here.

        Raises:
            NotFoundError: no such participant, or its keys are elsewhere.
        """
        home = self._home
        with self._lock:
            entry = home.directory.participant(participant_id)
            found = self._posters.get(entry.id)
            if found is not None:
                return found
            signer = home.keyring.signer(entry.id)
            store = open_poster_store(home.settings.path(home.settings.posters) / f"{entry.id}.sqlite")
            self._stores.append(store)
            extra: dict[str, Any] = {}
            if home.keyring.seed is not None:
                self._entropy[entry.id] = SeededEntropy(home.keyring.seed, entry.id)
                extra["entropy"] = self._entropy[entry.id]
            poster = Poster(
                store,
                signer=signer,
                participant=entry.number,
                context=self.naming(entry.id),
                separator=domain_separator(home.deployment.chain_id, home.deployment.ledger),
                readers=self.readers,
                clock=home.clock,
                deadline_s=home.settings.event_deadline_s,
                **extra,
            )
            self._posters[entry.id] = poster
            return poster

    def post_document(self, document: bytes, as_participant: str) -> list[PostResult]:
        """See Home.post_document."""
        parsed = read_document(document)
        return self._post(list(parsed.events), list(parsed.pointers), as_participant)

    def post_events(self, events: Sequence[dict[str, Any]], as_participant: str) -> list[PostResult]:
        """See Home.post_events."""
        return self._post(list(events), [f"/{i}" for i in range(len(events))], as_participant)

    def _post(
        self, events: list[dict[str, Any]], pointers: list[str], as_participant: str
    ) -> list[PostResult]:
        events = [with_event_id(event) for event in events]
        with self._lock:
            poster = self.poster(as_participant)
            entry = self._home.directory.participant(as_participant)
            deadlines = self._check(events, pointers, poster, entry.id)
            prepared: list[SignedSubmission] = []
            for event, deadline_s in zip(events, deadlines, strict=True):
                if (entropy := self._entropy.get(entry.id)) is not None:
                    entropy.begin(f"{event['eventID']}/{is_correction(event)}")
                prepared.append(poster.prepare(event, deadline_s=deadline_s))
            results = [self._of_ended_ledger(poster, submission) for submission in prepared]
            new = [x for x in results if isinstance(x, SignedSubmission)]
            tickets = iter(self._home.gateway.submit_all(new))
            return [self._result(poster, x, next(tickets)) if isinstance(x, SignedSubmission) else x
                    for x in results]

    def _of_ended_ledger(self, poster: Poster, prepared: SignedSubmission) -> SignedSubmission | PostResult:
        """What to submit; for a repeat of an event that an earlier ledger has, its first result."""
        if not self._home.deployment.earlier or not poster.of_another_ledger(prepared):
            return prepared
        status = self._home.outbox.status_by_label(prepared.epcis_event_id, prepared.is_correction)
        if status is not None and not may_be_renewed(status.status, status.outcome):
            return _result(prepared, Ticket(status, repeated=True))
        return poster.renew(prepared.epcis_event_id, is_correction=prepared.is_correction)

    def _check(
        self, events: list[dict[str, Any]], pointers: list[str], poster: Poster, participant_id: str
    ) -> list[int | None]:
        """Find every fault of every event before anything is signed; one may answer an earlier one beside it.

        Returns:
            The deadline that each event states, if it does.

        Raises:
            InvalidEventError: all faults, each with its place in the document.
        """
        deadlines: list[int | None] = []
        earlier: set[str] = set()

        def resolve(epcis_event_id: str) -> bytes | None:
            if epcis_event_id in earlier:
                return _EARLIER_IN_DOCUMENT
            return poster.resolve_event(epcis_event_id)

        context = replace(self.naming(participant_id), resolve_event=resolve)
        faults: list[Fault] = []
        for event, place in zip(events, pointers, strict=True):
            try:
                deadlines.append(interpret(event, context).deadline_s)
            except InvalidEventError as invalid:
                faults += [fault.under(place) for fault in invalid.faults]
            earlier.add(event["eventID"])
        if faults:
            raise InvalidEventError(faults)
        return deadlines

    def _result(self, poster: Poster, submission: SignedSubmission, ticket: Ticket) -> PostResult:
        """The result of a submission; one refused only for its signature's time is signed again first."""
        status = ticket.status
        if ticket.repeated and status.status == "refused" and may_be_renewed(status.status, status.outcome):
            renewed = poster.renew(submission.epcis_event_id, is_correction=submission.is_correction)
            return _result(renewed, self._home.gateway.submit(renewed))
        return _result(submission, ticket)

    def submit(self, submissions: Sequence[SignedSubmission]) -> list[PostResult]:
        """See Home.submit."""
        tickets = self._home.gateway.submit_all(submissions)
        return [_result(s, t) for s, t in zip(submissions, tickets, strict=True)]

    def settle(self) -> Settling:
        """See Home.settle_outbox."""
        settled = self._home.gateway.flush()
        return Settling(tuple(settled), self._home.indexer.run_once())

    def customs(self) -> list[int]:
        """Numbers of customs."""
        return [entry.number for entry in self._home.directory.with_role(Role.CUSTOMS)]


def _result(submission: SignedSubmission, ticket: Ticket) -> PostResult:
    event, status = submission.custody_event, ticket.status
    return PostResult(
        submission.epcis_event_id,
        "0x" + status.event_id.hex(),
        event.kind.name,
        event.step.name,
        status.status,
        status.outcome,
        ticket.repeated,
    )
