"""The explanation of what is unexplained: one page per thing, in plain sentences, with the evidence.

`explanations` takes the facts of a book and what the rules found; it judges nothing anew. Every figure names
the events that it rests on, and `events` of the page has each of them in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from ledger.errors import NotFoundError
from ledger.vocabulary import LineRole
from tracer.book import Event
from tracer.check import Report
from tracer.currency import money, named
from tracer.facts import Facts
from tracer.finding import SEVERITIES, Finding
from tracer.moment import iso, iso_day
from tracer.papers.account import Account, material_account
from tracer.papers.evidence import settles
from tracer.papers.moved import moved_account, stock_account
from tracer.quantity import grouped, micro, micro_text, nearest, ratio_text
from tracer.rules import RULES
from tracer.rules.disposition import base_norms, duty_range
from tracer.settlement.exemption import OPENING, receipts_of

_QUANTITIES = re.compile(r"[BDLX]\d+|N1|N6")
"""Rules that compare quantities of goods; the others compare norms, times, weights or texts."""
_KNOWN_SHOWN = 12


def leaves_unexplained(finding: Finding) -> bool:
    """Whether a finding is about a quantity of goods that nothing accounts for."""
    return (
        finding.difference not in (None, "0")
        and bool(finding.uom)
        and bool(_QUANTITIES.fullmatch(finding.rule))
    )


def reference(finding: Finding) -> str:
    """By what a finding is asked for: rule and subject."""
    return f"{finding.rule}:{finding.subject_id}"


def explanations(facts: Facts, report: Report, about: str = "") -> list[dict[str, Any]]:
    """Pages, the gravest first.

    Args:
        facts: of the book. report: `check.examine` of the same facts.
        about: a finding (`B6:FABRIC`), a rule, a material, product, lot or declaration line; empty: every
            thing of which a quantity is unexplained.

    Raises:
        NotFoundError: nothing of that name is in the book, or that rule found nothing about it.
    """
    found = report.findings
    if not about:
        subjects = dict.fromkeys((f.subject_type, f.subject_id) for f in found if leaves_unexplained(f))
        return [
            _page(facts, subject, [f for f in found if (f.subject_type, f.subject_id) == subject])
            for subject in subjects
        ]
    rule, colon, name = about.partition(":")
    if rule in {r.id for r in RULES}:
        named = [f for f in found if f.rule == rule and (not colon or f.subject_id == name)]
        if named:
            return [
                _page(facts, subject, [f for f in named if (f.subject_type, f.subject_id) == subject], about)
                for subject in dict.fromkeys((f.subject_type, f.subject_id) for f in named)
            ]
        what = f" about {name!r}" if colon else ""
        raise NotFoundError(f"rule {rule} found nothing{what} in book {facts.book.id}.", remedy=_known(found))
    own = [f for f in found if f.subject_id == about]
    subject = (own[0].subject_type, about) if own else _subject(facts, about)
    if subject is None:
        raise NotFoundError(
            f"book {facts.book.id} has no material, product, lot, declaration line or finding {about!r}.",
            remedy=_known(found),
        )
    return [_page(facts, subject, own)]


def document_of(facts: Facts, report: Report, about: str = "") -> dict[str, Any]:
    """The explanations of a book as one document; see `explanations`."""
    book = facts.book
    return {
        "book": book.id,
        "enterprise": book.enterprise,
        "regime": book.regime,
        "jurisdiction": book.jurisdiction,
        "period": {
            "from": iso_day(book.period.start_ms, book.offset),
            "to": iso_day(book.period.end_ms, book.offset),
        },
        "as_of": iso(book.as_of_ms, book.offset),
        "form_version": "explanation 1",
        "allocation": book.allocation,
        "yield_basis": book.yield_basis,
        "rule_pack": report.rule_pack,
        "explanations": explanations(facts, report, about),
        "missing": [],
    }


def _known(found: Iterable[Finding]) -> str:
    names = list(dict.fromkeys(reference(f) for f in found))
    if not names:
        return "Nothing was found in it; name a material to see where it went."
    more = f" and {len(names) - _KNOWN_SHOWN} more" if len(names) > _KNOWN_SHOWN else ""
    return f"Found: {', '.join(names[:_KNOWN_SHOWN])}{more}."


def _subject(facts: Facts, name: str) -> tuple[str, str] | None:
    if name in facts.lots:
        return "lot", name
    if name in facts.lines:
        return "line", name
    if name in facts.lots_of or name in facts.lines_of:
        imported = any(line.purpose == LineRole.RECEIVE for line in facts.lines_of.get(name, ()))
        return "material" if facts.is_material(name) or imported else "product", name
    return None


def _page(
    facts: Facts, subject: tuple[str, str], found: Sequence[Finding], about: str = ""
) -> dict[str, Any]:
    kind, name = subject
    account = _account(facts, kind, name)
    code = (
        facts.lots[name].code
        if name in facts.lots
        else facts.lines[name].code
        if name in facts.lines
        else name
    )
    at_risk = _at_risk(account, found, kind)
    moved = kind not in ("material", "product")
    duty = _duty(facts, code, at_risk)
    figures = account.to_json()
    short = [one.to_json() for one in account.short]
    ids = {i for figure in (*figures, *short) for i in figure["events"]}
    ids |= {e.id for f in found for e in f.evidence}
    book = facts.book
    return {
        "about": about or name,
        "subject": {"type": kind, "id": name, "code": code, "name": _name(facts, code), "uom": account.uom},
        "severity": max((f.severity for f in found), key=SEVERITIES.index, default="info"),
        "says": _sentences(facts, name, account, found, duty),
        "account": figures,
        "came": micro_text(account.came),
        "unexplained": _unexplained(account, at_risk, found, moved=moved),
        "left": micro_text(account.rest) if moved else None,
        "missing": account.missing,
        "short": short,
        "findings": [{**f.to_json(), "title": _title(f.rule), "reference": reference(f)} for f in found],
        "duty": duty,
        "import_lines": _import_lines(facts, code),
        "law": list(dict.fromkeys(x for f in found for x in f.legal_ref.split("; ") if x)),
        "settles": list(dict.fromkeys(x for f in found for x in settles(f.rule))),
        "events": [_event(e, book.offset) for e in facts.events if e.id in ids],
    }


def _unexplained(account: Account, at_risk: int, found: Sequence[Finding], *, moved: bool) -> str | None:
    """Of a lot or line the quantity that findings are about: what lies in the store is not unexplained."""
    if moved:
        return micro_text(at_risk) if found else None
    return None if account.missing else micro_text(account.rest)


def _account(facts: Facts, kind: str, name: str) -> Account:
    if kind == "material":
        account = material_account(facts, name)
        if not account.missing:
            return account
        return replace(stock_account(facts, name), missing=account.missing)
    if kind == "product":
        return stock_account(facts, name)
    return moved_account(facts, name) if name in facts.lots or name in facts.lines else Account("")


def _name(facts: Facts, code: str) -> str:
    described = facts.book.descriptions.get(code, "")
    return described or next((x.description for x in facts.lines_of.get(code, ()) if x.description), "")


def _title(rule: str) -> str:
    return next((r.title for r in RULES if r.id == rule), "")


def _at_risk(account: Account, found: Sequence[Finding], kind: str) -> int:
    """The quantity on which duty is at stake: what is unexplained, else the largest difference found."""
    amounts = [
        abs(micro(f.difference))
        for f in found
        if f.difference and leaves_unexplained(f) and f.uom == account.uom
    ]
    if kind in ("material", "product") and any(f.rule in ("B6", "B2") for f in found) and account.rest > 0:
        return account.rest
    return max(amounts, default=0)


def _duty(facts: Facts, code: str, quantity: int) -> dict[str, Any]:
    """Least, most and by the policy, on a material or on the imported materials of a product."""
    parts = [(code, Fraction(quantity))]
    if not facts.is_material(code):
        parts = [(m, norm * quantity) for (p, m), norm in sorted(base_norms(facts).items()) if p == code]
    least = most = policy = 0
    known = bool(parts)
    for material, amount in parts:
        if material not in facts.imported_codes:
            continue
        low, high, by_policy = duty_range(facts, material, nearest(amount))
        known = known and by_policy is not None
        least, most, policy = least + int(low), most + int(high), policy + int(by_policy or 0)
    return {
        "quantity": micro_text(quantity),
        "policy": facts.book.allocation,
        "currency": facts.currency,
        "least": str(least) if known else None,
        "most": str(most) if known else None,
        "by_policy": str(policy) if known else None,
    }


def _import_lines(facts: Facts, code: str) -> list[dict[str, Any]]:
    """The import lines that a material came on, or those of the materials of a product."""
    codes = [code] if facts.is_material(code) else sorted(m for p, m in base_norms(facts) if p == code)
    result = []
    for material in codes:
        for receipt in receipts_of(facts, material):
            line = facts.lines.get(receipt.line)
            if not receipt.quantity_micro or (receipt.line == OPENING and line is not None):
                continue
            result.append(
                {
                    "material": material,
                    "line": receipt.line,
                    "uom": facts.uoms.get(material, ""),
                    "accepted": iso_day(receipt.accepted_ms, facts.book.offset)
                    if receipt.accepted_ms
                    else None,
                    "received": micro_text(receipt.quantity_micro),
                    "regime": line.regime if line else "",
                    "value": ratio_text(line.value) if line and line.value is not None else None,
                    "currency": named(facts.book, line.currency) if line and line.value is not None else "",
                    "duty_rate": ratio_text(line.duty_rate) if line and line.duty_rate is not None else None,
                    "duty_per_unit": ratio_text(receipt.duty_per_unit * 1_000_000, 2)
                    if receipt.duty_per_unit is not None
                    else None,
                    "duty_currency": facts.currency if receipt.duty_per_unit is not None else "",
                    "events": [e.id for e in facts.receipts.get(material, ()) if e.line == receipt.line],
                }
            )
    return result


def _event(event: Event, offset: str) -> dict[str, Any]:
    """An event of the evidence; `block` is added where a ledger is at hand."""
    return {
        "id": event.id,
        "kind": event.kind.name,
        "at": iso(event.occurred.start_ms, offset),
        "recorded": iso(event.recorded_ms, offset),
        "by": event.actor,
        "place": event.place,
        "line": event.line,
        "documents": list(event.cited),
        "outcome": event.outcome.name,
        "reason": event.reason,
        "tx": event.tx_hash,
        "epcis_id": event.epcis_id,
        "moved": [
            {
                "unit": leg.unit,
                "code": leg.code,
                "role": leg.role.name,
                "quantity": micro_text(leg.quantity_micro) if leg.quantity_micro else None,
                "uom": leg.uom,
            }
            for leg in event.legs
        ],
    }


def _sentences(
    facts: Facts, name: str, account: Account, found: Sequence[Finding], duty: dict[str, Any]
) -> list[str]:
    book = facts.book
    period = f"{iso_day(book.period.start_ms, book.offset)} to {iso_day(book.period.end_ms, book.offset)}"
    said = []
    if account.missing:
        said.append(
            f"What became of {name} in production cannot be worked out, for want of "
            f"{'; '.join(account.missing)}; here is the store alone."
        )
    if account.figures:
        said += _balance(account, name, period)
    for one in account.short:
        way = "short" if one.short > 0 else "too many"
        if one.label.startswith("taken"):
            way = "more" if one.short > 0 else "less"
        said.append(
            f"{_q(one.observed)} {one.uom} {one.label}, {_q(one.expected)} expected: {_q(one.short)} "
            f"{one.uom} {way}. {one.why}"
        )
    said += [
        f"{f.rule}, {_title(f.rule)}: {f.explanation}"
        for f in found
        if f.explanation and not (f.rule == "B6" and account.short)
    ]
    if duty["quantity"] == "0":
        return said
    what = f"{grouped(duty['quantity'])} {account.uom}"
    if duty["by_policy"] is None:
        said.append("The duty on it is not known: no import line states value and rate.")
    elif duty["most"] == "0":
        said.append(f"No import duty is at stake on {what}: nothing of it was imported, or its rate is zero.")
    else:
        least, most, by_policy = (money(duty[x], duty["currency"]) for x in ("least", "most", "by_policy"))
        said.append(
            f"Import duty on {what}: at least {least}, at most {most}, by {duty['policy']} {by_policy}. "
            "Other taxes come on top."
        )
    return said


def _balance(account: Account, name: str, period: str) -> list[str]:
    uom, rounded = account.uom, account.rounded()

    def parts(side: str) -> str:
        listed = [f"{grouped(micro_text(q))} {_lower(f.label)}" for f, q in rounded if f.side == side and q]
        return f": {', '.join(listed)}." if listed else "."

    said = [f"{name}, {period}: {_q(account.came)} {uom} came in{parts('in')}"]
    if any(f.side == "out" and q for f, q in rounded):
        said.append(f"{_q(account.came - account.rest)} {uom} is accounted for{parts('out')}")
    rest = next(f for f in account.figures if f.side == "rest")
    if rest.key != "unexplained":
        return [*said, f"{rest.label}: {_q(account.rest)} {uom}."] if account.rest else said
    if not account.rest:
        whole = "The store adds up." if account.missing else "By the books every unit is accounted for."
        return [*said, whole]
    more = "is unexplained" if account.rest > 0 else "more is accounted for than came in"
    return [*said, f"{_q(account.rest)} {uom} {more}."]


def _lower(label: str) -> str:
    return label[0].lower() + label[1:]


def _q(quantity: int) -> str:
    return grouped(micro_text(abs(quantity)))
