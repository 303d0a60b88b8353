"""Allocation policies and yield bases: the reference's vectors, and sums that are exact whatever the policy."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from enterprise import OWNER, PERIOD, Pen, Plan, clean_book, plans, q
from hypothesis import given
from hypothesis import strategies as st

from api.views.books import Policy
from ledger.errors import InputError
from ledger.vocabulary import MICRO, Kind, LineRole, Origin
from tracer.allocation import ACE_METHOD, POLICIES, Receipt, Withdrawal, attribute
from tracer.book import BookData, Loss, Norm
from tracer.facts import Facts
from tracer.files import read_book
from tracer.files.example import write_example
from tracer.moment import DAY_MS
from tracer.settlement import settle
from tracer.settlement.exemption import receipts_of
from tracer.yields import appearing_in, rate_of_yield, unit_consumption

BY_RECEIPTS = tuple(p for p in POLICIES if p != "SPECIFIC")
RATES = {"A": Fraction(1), "B": Fraction(3, 2), "C": Fraction(4, 5)}


def three(days: tuple[int, int, int]) -> list[Receipt]:
    return [Receipt(name, day * DAY_MS, q(100), rate) for day, (name, rate) in zip(days, RATES.items(), strict=True)]


def duty(found: dict[str, int]) -> Fraction:
    return sum((part * RATES[line] for line, part in found.items()), Fraction(0)) / MICRO


@pytest.mark.parametrize(("policy", "frees"), [
    ("FIFO", 175), ("LIFO", 155), ("LOW_TO_HIGH", 130), ("LOW_TO_HIGH_BLANKET", 130), ("LOW_TO_HIGH_TURNOVER", 130),
    ("AVERAGE", 165), ("VN_EXPORT_RATIO", 165)])
def test_150_withdrawn_of_three_receipts__all_within_reach__frees_this_duty(policy: str, frees: int) -> None:
    found = attribute(policy, three((10, 20, 30)), [Withdrawal("X", 40 * DAY_MS, q(150))], 365)
    assert duty(found.backward("X")) == frees


def test_low_to_high__three_variants__differ_in_what_they_count_and_how_far_they_look_back() -> None:
    receipts = three((100, 200, 300))
    acts = [Withdrawal("inland", 310 * DAY_MS, q(80), export=False), Withdrawal("X", 320 * DAY_MS, q(150))]
    ordinary = attribute("LOW_TO_HIGH", receipts, acts)
    assert ordinary.backward("inland") == {"C": q(80)}  # the sale takes the cheapest as well
    assert ordinary.backward("X") == {"C": q(20), "A": q(100), "B": q(30)}
    blanket = attribute("LOW_TO_HIGH_BLANKET", receipts, acts)  # A came 220 days before
    assert blanket.backward("X") == {"C": q(100), "B": q(50)} and blanket.backward("inland") == {}
    turnover = attribute("LOW_TO_HIGH_TURNOVER", receipts, acts, 60)  # only C came within 60 days
    assert turnover.backward("X") == {"C": q(100)} and turnover.uncovered == {"X": q(50)}
    with pytest.raises(InputError, match="turn-over"):
        attribute("LOW_TO_HIGH_TURNOVER", receipts, acts)


def test_withdrawal__before_a_receipt_was_accepted__does_not_take_it() -> None:
    found = attribute("LIFO", three((10, 20, 30)), [Withdrawal("X", 25 * DAY_MS, q(150))])
    assert found.backward("X") == {"B": q(100), "A": q(50)}


amounts = st.integers(0, 10**9)
receipts_ = st.lists(st.tuples(st.integers(0, 400), amounts, st.integers(0, 9)), max_size=6).map(
    lambda rows: [Receipt(f"L{i}", d * DAY_MS, a, Fraction(r, 10)) for i, (d, a, r) in enumerate(rows)])
withdrawals_ = st.lists(st.tuples(st.integers(0, 400), amounts, st.booleans()), max_size=6).map(
    lambda rows: [Withdrawal(f"W{i}", d * DAY_MS, a, e) for i, (d, a, e) in enumerate(rows)])


@given(st.sampled_from(BY_RECEIPTS), receipts_, withdrawals_)
def test_attribution__any_policy__rows_and_columns_add_up_exactly_and_are_transposes(
        policy: str, receipts: list[Receipt], withdrawals: list[Withdrawal]) -> None:
    found = attribute(policy, receipts, withdrawals, 90)
    for receipt in receipts:
        assert sum(found.forward(receipt.line).values()) + found.left[receipt.line] == receipt.quantity_micro
    for one in withdrawals:
        taken = sum(found.backward(one.name).values()) + found.uncovered.get(one.name, 0)
        assert taken == one.quantity_micro or (not one.export and taken == 0)
    assert all(part > 0 for part in found.cells.values()) and all(left >= 0 for left in found.left.values())
    for line, name in found.cells:
        assert found.forward(line)[name] == found.backward(name)[line] == found.cells[line, name]


@given(plans, st.sampled_from(POLICIES), st.sampled_from(["VN_NORM", "CN_NET_LOSS", "EU_RATE_OF_YIELD", "US_USED_IN",
                                                        "US_APPEARING_IN"]))
def test_exemption__any_policy_and_basis__adds_up_to_the_material_and_stays_within_the_receipts(
        plan: Plan, policy: str, basis: str) -> None:
    book = replace(clean_book(plan), allocation=policy, yield_basis=basis, turnover_days=365)
    facts = Facts(book)
    result = settle(book)
    opened = "duty on opening stock of"  # it has no duty to be ranked by
    assert [m for m in result.missing if not m.startswith(opened)] == [] and (policy == "LOW_TO_HIGH" or not result.missing)
    for material in result.materials:
        rows = [r for r in result.exemption if r.material == material.material]
        assert sum(r.quantity_micro for r in rows) == material.exempt_micro
        assert all(sum(r.by_export.values()) == r.quantity_micro for r in rows)
        received = {r.line: r.quantity_micro for r in receipts_of(facts, material.material)}
        if basis != "CN_NET_LOSS":  # net of a norm that holds the loss already claims it twice: more than came in
            assert all(r.quantity_micro <= received[r.import_line] for r in rows if r.import_line != "opening")


# -- yield bases ----------------------------------------------------------------------------------------------------


def test_china__net_and_loss__unit_consumption_and_no_loss_of_one() -> None:
    assert unit_consumption(Fraction(95, 100), Fraction(5, 100)) == 1
    for rate in (Fraction(1), Fraction(3, 2), Fraction(-1, 10)):
        with pytest.raises(InputError):
            unit_consumption(Fraction(1), rate)


def test_eu__one_dress_per_three_metres__losses_off_the_input_first() -> None:
    assert rate_of_yield(Fraction(100), Fraction(310), Fraction(10)) == Fraction(1, 3)
    with pytest.raises(InputError):
        rate_of_yield(Fraction(1), Fraction(5), Fraction(5))
    assert appearing_in(Fraction(1000), Fraction(30), Fraction(20)) == 950


def joint(*, waste: int = 0, co_product: bool = True) -> BookData:
    """1,000 kg at 2 make X 600 kg worth 5 and Y 400 kg worth 2.5 (or X alone), all exported."""
    pen = Pen()
    line = pen.declare("IM/1", LineRole.RECEIVE, "M", q(1000), "KGM", value=Fraction(2000), duty_rate=Fraction(1, 10))
    pen.receive("I", line, q(1000))
    pen.write(Kind.ISSUE_PROD, pen.leg("I", q(1000)))
    made = {"X": (600, Fraction(5)), **({"Y": (400, Fraction(5, 2))} if co_product else {})}
    for code in (*made, "S"):
        pen.lot(code, code, "KGM", Origin.OWN)
    legs = [pen.leg(code, q(amount), LineRole.PRODUCT) for code, (amount, _) in made.items()]
    scrap = [pen.leg("S", q(waste), LineRole.SCRAP)] if waste else []
    pen.write(Kind.TRANSFORM, pen.leg("I", q(1000), LineRole.INPUT), *legs, *scrap, loss=(Loss("M", q(20), "KGM"),))
    for code, (amount, price) in made.items():
        export = pen.declare(f"EX-{code}/1", LineRole.EXPORT, code, q(amount), "KGM", value=price * amount)
        pen.write(Kind.EXPORT_LOAD, pen.leg(code, q(amount)), line=export)
        pen.write(Kind.EXIT_CONFIRM, pen.leg(code, q(amount)), line=export)
    return BookData("book", OWNER, PERIOD, PERIOD.end_ms, lots=tuple(pen.lots.values()),
                    lines=tuple(pen.lines.values()), events=tuple(pen.events), norms=tuple(
                        Norm(code, "M", Fraction(1), "KGM", "KGM", valid_from=PERIOD) for code in made))


def exempt(book: BookData, basis: str, **fields: object) -> dict[str, Fraction]:
    settled = settle(replace(book, yield_basis=basis, **fields))  # type: ignore[arg-type]
    if settled.missing:
        raise InputError("; ".join(settled.missing))
    (row,) = settled.materials
    result: dict[str, Fraction] = defaultdict(Fraction)
    for (product, _), part in row.parts.items():
        result[product] += part / MICRO
    return dict(result)


def test_co_products__by_quantity_and_by_relative_value__600_to_400_and_750_to_250() -> None:
    assert exempt(joint(), "US_USED_IN") == {"X": 600, "Y": 400}
    assert exempt(joint(), "US_RELATIVE_VALUE") == {"X": 750, "Y": 250}


def test_less_valuable_waste__waste_worth_100_of_1000_kg_at_2__950_eligible() -> None:
    book = joint(waste=50, co_product=False)
    assert exempt(book, "US_USED_IN") == {"X": 1000}
    assert exempt(book, "US_LESS_VALUABLE_WASTE", waste_values={"S": Fraction(2)}) == {"X": 950}
    assert exempt(book, "US_LESS_VALUABLE_WASTE", waste_values={"S": Fraction(0)}) == {"X": 1000}
    with pytest.raises(InputError, match="value of scrap S"):
        exempt(book, "US_LESS_VALUABLE_WASTE")


def test_appearing_in_and_rate_of_yield__scrap_50_and_loss_20_of_1000__930_and_980() -> None:
    book = joint(waste=50, co_product=False)
    assert exempt(book, "US_APPEARING_IN") == {"X": 930}
    assert exempt(book, "EU_RATE_OF_YIELD") == {"X": 980}
    with pytest.raises(InputError, match="not for co-products"):
        exempt(joint(), "US_APPEARING_IN")


def test_china__declared_net_and_loss_rate__grossed_up_whatever_production_took() -> None:
    book = joint(co_product=False)
    net = tuple(replace(n, norm=Fraction(3, 2), loss_rate=Fraction(1, 10)) for n in book.norms)
    assert exempt(replace(book, norms=net), "CN_NET_LOSS") == {"X": 1000}  # 1.5 / 0.9 x 600


def test_export_ratio__700_imported_of_1000_issued_400_of_500_exported__560_whatever_the_norm() -> None:
    from test_vectors import _n6_book

    book = replace(_n6_book(), allocation="VN_EXPORT_RATIO")
    low = tuple(replace(n, norm=Fraction(1)) for n in book.norms)  # declared too low: the ratio goes by real use
    for norms in (book.norms, low):
        (row,) = settle(replace(book, norms=norms)).materials
        assert row.exempt_micro == q(560)
    assert settle(replace(book, allocation="SPECIFIC", norms=low)).materials[0].exempt_micro == q(280)


def test_settlement__names_policy_method_and_basis() -> None:
    document = settle(replace(clean_book(), allocation="LIFO", yield_basis="US_USED_IN")).to_json()
    assert (document["allocation"], document["allocation_method"], document["yield_basis"]) == ("LIFO", "03", "US_USED_IN")
    assert set(ACE_METHOD) == set(POLICIES)


def test_policy__of_the_settle_command__is_laid_on_the_book_or_refused() -> None:
    book = Policy("lifo", "us_used_in", 30).on(clean_book())
    assert (book.allocation, book.yield_basis, book.turnover_days) == ("LIFO", "US_USED_IN", 30)
    assert Policy().on(clean_book()) == clean_book()
    for bad in (Policy("BEST"), Policy(yield_basis="BEST")):
        with pytest.raises(InputError, match="BEST"):
            bad.on(clean_book())


def test_book_toml__policy_basis_and_waste__are_read_and_a_wrong_basis_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "book"
    write_example(path)
    text = (path / "book.toml").read_text("utf-8").replace(
        'allocation = "SPECIFIC"', 'allocation = "low_to_high_turnover"\nallocation_since = "2024-01-01"\n'
        'turnover_days = 60\nyield_basis = "US_LESS_VALUABLE_WASTE"')
    (path / "book.toml").write_text(f"{text}\n[waste_value]\nFAB-PES = 1500.5\n", encoding="utf-8")
    book = read_book(path).book
    assert (book.allocation, book.turnover_days, book.yield_basis) == ("LOW_TO_HIGH_TURNOVER", 60, "US_LESS_VALUABLE_WASTE")
    assert book.waste_values == {"FAB-PES": Fraction("1500.5")} and book.allocation_since is not None
    (path / "book.toml").write_text(text.replace("US_LESS_VALUABLE_WASTE", "GUESS"), encoding="utf-8")
    with pytest.raises(InputError, match="GUESS"):
        read_book(path)
