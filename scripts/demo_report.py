"""What the finished story says: counts, refusals, findings, forms, head and digest, as one JSON document."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import demo_story
from sqlmodel import col, select

from api.home import Home
from indexer.digest import digest
from indexer.models import Event, NotTaken, Payload
from ledger.vocabulary import Outcome
from tracer.check import Report, examine
from tracer.facts import Facts
from tracer.finding import Finding
from tracer.load import load_all, period_of
from tracer.settlement import Settlement, settle


@dataclass(slots=True)
class Result:
    """Everything the demo shows.

    Attributes:
        findings: of all books and of the custody that belongs to none, each once, the gravest first;
            `main_findings`: those of the book that is settled.
        planted: irregularities with what caught them; `unexpected`: findings that no irregularity explains.
        refused_events: refused events with the label of their content.
    """

    posted: int
    recorded: int
    refused: dict[str, int]
    findings: list[Finding]
    planted: list[dict[str, Any]]
    unexpected: list[Finding]
    settlement: Settlement
    main_findings: list[Finding]
    head: dict[str, Any]
    index_digest: str
    refused_events: list[tuple[Event, str]] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether every planted irregularity was caught, and nothing else was found or refused."""
        refusals = Counter[str]()
        for fault in self.planted:
            refusals.update(fault["refusals"])
        return (
            not self.unexpected
            and all(p["caught_by"] for p in self.planted)
            and dict(refusals) == self.refused
        )

    def to_json(self, seconds: float) -> dict[str, Any]:
        """The document of `scripts/demo --json`; quantities are strings."""
        forms = self.settlement.to_json()
        return {
            "posted": self.posted,
            "recorded": self.recorded,
            "refused": self.refused,
            "findings": [f.to_json() for f in self.findings],
            "planted": [{"name": p["name"], "caught_by": p["caught_by"]} for p in self.planted],
            "form15": forms["form15"],
            "form15a": forms["form15a"],
            "form16": forms["form16"],
            "head": self.head,
            "index_digest": self.index_digest,
            "seconds": Decimal(f"{seconds:.1f}"),
        }


def collect(home: Home, story: demo_story.Story) -> Result:
    """Ask index, tracer and chain. Nothing is written."""
    with home.session() as session:
        labels = dict(session.execute(select(Payload.event_id, Payload.epcis_event_id)).all())
        events = session.exec(select(Event).order_by(col(Event.seq)))
        rows = [(event, labels.get(event.event_id)) for event in events]
        not_taken = [row.code_name for row in session.exec(select(NotTaken))]
        books = load_all(session, home.directory, period=period_of(*story.period))
    refused_events = [(event, label or "") for event, label in rows if Outcome(event.outcome).refused]
    refused = Counter([event.outcome_name for event, _ in refused_events] + not_taken)
    facts = [Facts(book) for book in books]
    reports = [examine(f) for f in facts]
    findings = _each_once(reports)
    planted, explained = _planted(story, findings, refused_events)
    number = home.chain.head_number()
    header = home.chain.header(number)
    return Result(
        posted=len(rows) + len(not_taken),
        recorded=len(rows) - len(refused_events),
        refused=dict(sorted(refused.items())),
        findings=findings,
        planted=planted,
        unexpected=[f for f in findings if f.key not in explained],
        settlement=settle(next(book for book in books if book.id == story.book)),
        main_findings=next(report for report in reports if report.book == story.book).findings,
        head={"number": number, "hash": "0x" + header.hash.hex() if header else ""},
        index_digest=digest(home.engine),
        refused_events=refused_events,
    )


def _each_once(reports: list[Report]) -> list[Finding]:
    """Findings of all reports; one that two books show alike (a container that served both) counts once."""
    seen: dict[Any, Finding] = {}
    for report in reports:
        for finding in report.findings:
            seen.setdefault(finding.key, finding)
    return list(seen.values())


def _planted(
    story: demo_story.Story, findings: list[Finding], refused_events: list[tuple[Event, str]]
) -> tuple[list[dict[str, Any]], set[Any]]:
    """Which rules and refusals caught each irregularity, each with the expected subject and quantity.

    Returns:
        The irregularities with `caught_by`, empty unless everything expected of it was found; and the keys of
        the findings that are explained by one.
    """
    explained: set[Any] = set()
    planted = []
    for fault in story.planted:
        found: list[str] = []
        complete = True
        for wanted in fault["findings"]:
            hits = [f for f in findings if _is(f, wanted)]
            explained |= {f.key for f in hits}
            complete = complete and bool(hits)
            if hits and not wanted["companion"] and wanted["rule"] not in found:
                found.append(wanted["rule"])
        codes = Counter(event.outcome_name for event, _ in refused_events)
        for code, count in fault["refusals"].items():
            complete = complete and codes[code] >= count
            found.append(code)
        planted.append(
            {
                "name": fault["name"],
                "title": fault["title"],
                "refusals": fault["refusals"],
                "caught_by": found if complete else [],
            }
        )
    return planted, explained


def _is(finding: Finding, wanted: dict[str, Any]) -> bool:
    """Whether a finding is the one that an irregularity must set off, to the last digit."""
    return bool(
        finding.rule == wanted["rule"]
        and finding.subject_id == wanted["subject"]
        and finding.expected == wanted["expected"]
        and finding.observed == wanted["observed"]
        and finding.difference == wanted["difference"]
        and finding.uom == wanted["uom"]
    )
