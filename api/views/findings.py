"""Findings of kept settlements as the ways in show them, and what people say of them.

A statement is by a participant, with a reason, and stays: both sides see it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from api.views.books import book_for
from api.views.names import iso_ms
from api.views.runs import may_see
from ledger.errors import AuthenticationError, InputError, NotFoundError
from ledger.vocabulary import Role
from tracer.risk.ranking import confirmed_shares, ranked
from tracer.runs.statements import CLOSED, REASON_MAX, STATUSES, Statement, figures_of, with_status
from tracer.runs.store import Run, parse_document

if TYPE_CHECKING:
    from sqlmodel import Session

    from api.home import Home
    from indexer.lookups import Reader


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody sees: a home, a session of its index, and a reader."""

    home: Home
    session: Session
    reader: Reader

    def latest(self, book: str | None = None) -> Iterator[tuple[Run, dict[str, Any], list[dict[str, Any]]]]:
        """The latest run of each kept question, of a book or of all: run, document, and its findings with
        what was said of them.
        """
        said = self.home.runs.latest_statements()
        for question, _ in self.home.runs.kept():
            last = self.home.runs.last(question.id)
            if last is not None and book in (None, question.book) and may_see(
                    self.home, self.session, self.reader, last):
                document = parse_document(self.home.runs.document(last.number))
                yield last, document, with_status(question.book, document["report"]["findings"], said)

    def one(self, finding: str) -> tuple[str, list[dict[str, Any]]]:
        """The book of a finding, and the findings of that id in its latest run.

        Raises:
            NotFoundError: no such finding that the reader may see.
        """
        for run, _, findings in self.latest():
            if rows := [f for f in findings if f["id"] == finding]:
                return run.question.book, rows
        raise NotFoundError(f"no finding {finding!r} is in the latest runs.",
                            remedy="List them: cargoledger findings list")


def findings_view(sight: Sight, book: str | None = None) -> dict[str, Any]:
    """Findings of the latest runs, in the order in which a look at them pays; closed ones last.

    Raises:
        NotFoundError: the book is not for this reader, or there is none.
    """
    if book is not None:
        book_for(sight.home, sight.session, sight.reader, book)
    everything = once(f for _, _, findings in sight.latest(book) for f in findings)
    shut = [f for f in everything if f["status"] in CLOSED]
    return {"findings": ranked(everything, confirmed_shares(sight.home.runs.closed())) + shut}


def history_view(sight: Sight, finding: str) -> dict[str, Any]:
    """A finding and all that was said of it, the oldest first; errors as `Sight.one`."""
    _, rows = sight.one(finding)
    return {"finding": rows[0], "statements": [
        {"status": s.status, "reason": s.reason, "participant": s.participant,
         "said_at": iso_ms(s.said_at_s * 1000), "of_these_figures": s.figures == figures_of(rows)}
        for s in sight.home.runs.said(finding)]}


def say(sight: Sight, finding: str, status: str, reason: str, *, participant: str) -> dict[str, Any]:
    """Keep what a participant says of a finding: its book's owner may explain it, customs may say anything.

    Raises:
        NotFoundError: no such finding that the reader may see. InputError: no such status, or no reason.
        AuthenticationError: the participant may not say that.
    """
    home = sight.home
    book, rows = sight.one(finding)
    chosen = next((s for s in STATUSES if s == status), None)
    if chosen is None:
        raise InputError(f"{status!r} is no status of a finding.", pointer="/status",
                         remedy=f"Say one of {', '.join(STATUSES)}.")
    if not reason.strip() or len(reason) > REASON_MAX:
        raise InputError("a statement needs a reason.", pointer="/reason",
                         remedy=f"Say why, in at most {REASON_MAX} characters.")
    who = home.directory.participant(participant)
    owner = home.directory.book(book).owner if book else ""
    if Role.CUSTOMS not in who.roles and (who.id != owner or chosen != "explained"):
        raise AuthenticationError(f"{who.id} may not say that a finding of {book} is {chosen}: its owner may "
                                  "explain it, customs may say anything.")
    home.runs.say(Statement(finding, rows[0]["rule"], book, chosen, reason.strip(), who.id, home.clock(),
                            figures_of(rows)))
    return history_view(sight, finding)


def once(findings: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Findings that several policies of one period have in common once each: by id, figures and evidence.

    What custody on its own finds of a unit, and a book finds too, is the book's.
    """
    findings = list(findings)
    of_books = {_about(finding) for finding in findings if finding["book"]}
    findings = [f for f in findings if f["book"] or _about(f) not in of_books]
    seen: dict[tuple[str, ...], dict[str, Any]] = {}
    for finding in findings:
        key = (finding["id"], *(str(finding[k]) for k in ("expected", "observed", "difference", "severity")),
               *(e["id"] for e in finding["evidence"]))
        seen.setdefault(key, finding)
    return list(seen.values())


def _about(finding: Mapping[str, Any]) -> tuple[str, str, str]:
    return finding["rule"], finding["subject"]["type"], finding["subject"]["id"]
