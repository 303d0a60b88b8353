"""Family L: a kilogram has one fate."""

from __future__ import annotations

from collections import defaultdict

from ledger.vocabulary import Balance, Kind
from tracer.book import Event
from tracer.facts import Facts
from tracer.quantity import micro_text
from tracer.rules.core import Law, Rule, Subject, Tally

_USES = frozenset(
    {
        Kind.ISSUE_PROD,
        Kind.TRANSFORM,
        Kind.EXPORT_LOAD,
        Kind.REEXPORT,
        Kind.REPURPOSE,
        Kind.SELL_INLAND,
        Kind.SCRAP_OUT,
        Kind.DESTROY,
    }
)


def l1(facts: Facts, tally: Tally) -> None:
    """Everything used of a lot, in all books and contracts together, is at most what the lot held.

    The ledger refuses a use beyond what is left; the refused attempt is the evidence that somebody meant to
    use the same goods twice, and the difference is what was asked beyond what was left. Where uses were
    recorded without such a guard (files), the difference is the sum of uses beyond the sum received.
    """
    into: dict[tuple[str, Balance], int] = defaultdict(int)
    out: dict[tuple[str, Balance], int] = defaultdict(int)
    takers: dict[tuple[str, Balance], list[Event]] = defaultdict(list)
    for delta in facts.replay.deltas:
        key = (delta.lot, delta.balance)
        if delta.balance in (Balance.LOADED, Balance.SHORT):
            continue
        into[key] += max(delta.change, 0)
        out[key] += max(-delta.change, 0)
        if delta.change < 0:
            takers[key].append(delta.event)
    attempts = defaultdict(list)
    for attempt in facts.replay.attempts:
        if attempt.event.kind in _USES and attempt.leg.quantity_micro > attempt.left:
            attempts[attempt.leg.unit].append(attempt)
    for lot in sorted({lot for lot, _ in into} | set(attempts)):
        uom = facts.lots[lot].uom if lot in facts.lots else ""
        code = facts.lots[lot].code if lot in facts.lots else ""
        failed = False
        for key in sorted(k for k in into if k[0] == lot):
            tolerance = tally.tol(into[key], uom)
            if out[key] > into[key] and tolerance.exceeded(out[key] - into[key]):
                failed = True
                tally.amount(Subject("lot", lot), "critical", into[key], out[key], uom, tolerance=tolerance,
                             duty_at_risk=facts.duty_on(code, out[key] - into[key]), evidence=takers[key],
                             explanation=f"More {key[1].name.lower()} stock was used than the lot ever held.")
        for attempt in attempts[lot]:
            failed = True
            asked = attempt.leg.quantity_micro
            held = into[lot, attempt.balance]
            tally.amount(
                Subject("lot", lot),
                "critical",
                held,
                held - attempt.left + asked,
                uom,
                tolerance=tally.tol(held, uom),
                evidence=[*takers[lot, attempt.balance], attempt.event],
                duty_at_risk=facts.duty_on(code, asked - attempt.left),
                explanation=f"{attempt.event.kind.name} asked for {micro_text(asked)} when "
                f"{micro_text(attempt.left)} was left of the lot's {attempt.balance.name.lower()} stock; "
                "the ledger refused it.",
            )
        if not failed:
            tally.clean()


RULES = (
    Rule("L1", "1", "lineage", "The same goods used twice", "book",
         (Law("Decree 134/2016/ND-CP Art. 10.2.dd, 12.2.d"),
          Law("Decree 169/2026/ND-CP Art. 10.1.dd, e", valid_from="2026-07-01")), (),
         {"B1": "where the act was recorded, the lot goes below zero",
          "B2": "where the act was recorded, count and identity differ",
          "N1": "where the act was recorded and large, more was issued than the norms explain"}, l1),
)
