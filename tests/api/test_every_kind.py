"""Every kind once, from the EPCIS document to the form: what the ledger did is what index, pages and tracer say."""

from __future__ import annotations

from collections.abc import Iterator

import kinds_story
import pytest
import world
from sqlmodel import select
from starlette.testclient import TestClient

from api.home import Home
from api.http.app import create_app
from api.views.events import event_view
from api.views.units import unit_view
from indexer.lookups import Reader
from indexer.models import Event, NormExcess
from ledger.chain.views import View
from ledger.vocabulary import Kind
from tracer.balance import accounts
from tracer.book import BookData
from tracer.graph import lineage
from tracer.load import load_book, period_of
from tracer.replay import replay

MICRO = 1_000_000
PENDING = {"adjust", "adjust-short", "reassign"}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Home, kinds_story.Story]]:
    home, story = kinds_story.build(tmp_path_factory.mktemp("kinds") / "home", world.Clock())
    yield home, story
    home.close()


@pytest.fixture(scope="module")
def home(told: tuple[Home, kinds_story.Story]) -> Home:
    return told[0]


def everything(home: Home) -> Reader:
    return Reader(None, True, home.clock())


def book(home: Home, name: str) -> BookData:
    with home.session() as session:
        return load_book(session, home.directory, name, period=period_of("2026-03-02", "2026-03-02"))


def shown(home: Home, key: str) -> dict:  # type: ignore[type-arg]
    with home.session() as session:
        return unit_view(session, home.directory, everything(home), key, now_s=home.clock())


def test_story__every_kind__recorded_as_meant(told: tuple[Home, kinds_story.Story]) -> None:
    home, story = told
    assert {name for name, outcome in story.outcomes.items() if outcome == "PENDING"} == PENDING
    assert {outcome for name, outcome in story.outcomes.items() if name not in PENDING} == {"RECORDED"}
    with home.session() as session:
        kinds = {event.kind for event in session.exec(select(Event))}
    # these are told in world.STORY and in the demo
    assert {kind.name for kind in Kind} - kinds == {
        "OPENING", "RECEIVE_DOMESTIC", "HOLD", "UNHOLD", "REVOKE", "REFUSE", "CANCEL", "SPLIT", "MERGE", "RETURN_PROD", "REPURPOSE",
        "SELL_INLAND", "SCRAP_OUT", "DENY", "OBSERVE"}


@pytest.mark.parametrize("name", ["garment-book", "rival-book"])
def test_book__replayed_from_the_events__has_what_the_contract_says(home: Home, name: str) -> None:
    data, found = book(home, name), {}
    for lot, balances in replay(data).balances.items():
        found[lot] = {balance: q for balance, q in balances.items() if q}
    kept = {lot: {balance: q for balance, q in balances.items() if q} for lot, balances in data.ledger_balances.items()}
    assert kept and found == kept


def test_form_15__transfer_reexport_destruction_and_adjustment__each_in_its_column(home: Home) -> None:
    data = book(home, "garment-book")
    cloth = accounts(data, replay(data).deltas).materials["CLOTH", "imported"]
    assert {column: q // MICRO for column, q in cloth.cells.items()} == {
        "received": 500, "issued": 330, "re_exported": 20, "repurposed": 5, "other_issue": 45 + 3}
    assert cloth.closing == 97 * MICRO
    shirts = accounts(data, replay(data).deltas).products["SHIRT", "own"]
    assert {column: q // MICRO for column, q in shirts.cells.items()} == {"received": 147, "exported": 90}
    other = book(home, "rival-book")
    taken_over = accounts(other, replay(other).deltas).materials["CLOTH", "imported"]
    assert {column: q // MICRO for column, q in taken_over.cells.items()} == {"received": 45}


def test_lineage__over_the_transfer__ends_and_begins_at_it(home: Home) -> None:
    gone = lineage(book(home, "garment-book")).row("IM/1")
    assert {p.line: int(q) // MICRO for p, q in gone.items() if p.state == "transferred"} == {"OUT/1": 45}
    assert {p.line: int(q) // MICRO for p, q in gone.items() if p.state == "exported" and p.lot == "garment/C-1"} == {"RE/1": 20}
    come = lineage(book(home, "rival-book"))
    assert {(s.kind, s.name) for s in come.sources.values()} == {("transferred", "IN/1")}
    assert come.graph.has_predecessor(f"lot:{'rival/T-1'}", next(n for n in come.graph if n.startswith("event:")))


def test_unit__stuffed__stands_where_its_container_stands(home: Home) -> None:
    box, lot = shown(home, kinds_story.EMPTY), shown(home, "S-1")
    assert lot["state"]["inside"]["label"] == kinds_story.EMPTY
    assert lot["state"]["custodian"]["id"] == box["state"]["custodian"]["id"] == "terminal"
    assert [thing["label"] for thing in box["state"]["contents"]] == ["S-1"]
    assert shown(home, "S-2")["state"]["inside"] is None
    view = View(home.chain, home.deployment)
    assert view.unit(bytes.fromhex(lot["unit"][2:])).inside  # type: ignore[union-attr]


def test_unit__reassigned__where_and_with_whom_customs_said(home: Home) -> None:
    package = shown(home, "PKG-1")["state"]
    assert (package["custodian"]["id"], package["facility"]["id"], package["status"]) == ("terminal", "quay", "SUPERVISED")


def test_held_contents__container_page__says_do_not_release(home: Home) -> None:
    home.clock.now_s += 60  # type: ignore[attr-defined]
    hold = world.event("customs", "hold-lot", "HOLD", minute=50, quantityList=[kinds_story.amount("garment", "S-1")])
    home.post_document(world.document(hold), "customs")
    home.gateway.flush()
    home.settle_outbox()
    assert [holder["id"] for holder in shown(home, kinds_story.EMPTY)["state"]["holds"]] == ["customs"]
    with TestClient(create_app(home), base_url="http://ledger.test") as client:
        client.post("/sign-in", data={"token": world.token(home, "customs"), "next": "/"})
        page = client.get(f"/view/unit/{shown(home, kinds_story.EMPTY)['unit']}")
    assert page.status_code == 200
    assert "Do not release" in page.text and "Contents" in page.text


def test_norm__kept_and_exceeded__only_the_excess_is_named(home: Home) -> None:
    with home.session() as session:
        (excess,) = session.exec(select(NormExcess)).all()
        shown_event = event_view(session, home.directory, everything(home), excess.event_id)
    assert shown_event["epcisEventId"].endswith("/make-S-2")
    (row,) = shown_event["normExcess"]
    assert (row["code"], row["allowed"], row["used"]) == ("CLOTH", "88", "110")
