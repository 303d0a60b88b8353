"""What people see of an event's way: status history, late and waiting events, a full outbox, looks, tokens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import test_cli
import world
from starlette.testclient import TestClient

from api.home import Home
from api.http.app import create_app
from indexer.lookups import event_for, reader_for
from ledger.errors import NotFoundError
from ledger.events.document import read_document
from ledger.gateway.submission import SignedSubmission

Headers = Callable[[str], dict[str, str]]
SIGNED = "application/vnd.cargoledger.signed+json"
NOW_S = world.START_S + 86_400


def opened(told: Path, folder: Path, **variables: str) -> Home:
    shutil.copytree(told, folder)
    return Home.open(folder, seed=world.SEED, clock=world.Clock(NOW_S),
                     environment={f"CARGOLEDGER_{k.upper()}": v for k, v in variables.items()})


def serve(home: Home) -> TestClient:
    return TestClient(create_app(home), base_url="http://ledger.test", follow_redirects=False, raise_server_exceptions=False)


def bearer(home: Home, participant: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.token(home, participant)}"}


@pytest.fixture
def own(told: Path, tmp_path: Path) -> Iterator[Home]:
    with opened(told, tmp_path / "own") as home:
        yield home


def weigh(name: str, **fields: Any) -> bytes:
    return world.document(world.event("carrier", name, "OBSERVE", **{"cl:step": "WEIGH", **fields}))


# the way


def test_capture__history__shows_each_status_with_transaction_and_block(own: Home) -> None:
    client, headers = serve(own), bearer(own, "carrier")
    queued = client.post("/capture", content=weigh("w1"), headers={**headers, "Content-Type": "application/json"}).json()
    assert [step["status"] for step in queued["events"][0]["history"]] == ["queued"]
    own.settle_outbox()
    event = client.get(f"/capture/{queued['captureID']}", headers=headers).json()["events"][0]
    assert [step["status"] for step in event["history"]] == ["queued", "submitted", "recorded"]
    last = event["history"][-1]
    assert last["block"] == event["block"] == own.chain.head_number()
    assert last["transaction"] == event["transaction"] and last["at"] == "2026-03-03T00:00:00Z"
    assert event["late"] is False and event["lateSeconds"] == 86_400


def test_late__event_of_days_ago__flagged_in_capture_index_and_filter(own: Home) -> None:
    client, headers = serve(own), bearer(own, "carrier")
    old = weigh("old", eventTime="2026-02-25T07:00:00+07:00")
    job = client.post("/capture", content=old, headers={**headers, "Content-Type": "application/json"}).json()
    own.settle_outbox()
    event = client.get(f"/capture/{job['captureID']}", headers=headers).json()["events"][0]
    assert event["late"] and event["lateSeconds"] == 6 * 86_400 and event["occurredAt"] == "2026-02-25T00:00:00Z"
    shown = client.get(f"/events/{event['eventId']}", headers=headers).json()
    assert shown["late"] and shown["lateSeconds"] == 6 * 86_400 and shown["occurredAt"].startswith("2026-02-25T00:00:00")

    def listed(late: str) -> set[str]:
        rows = client.get(f"/events?perPage=1000&late={late}", headers=headers).json()["events"]
        return {row["eventId"] for row in rows}

    assert listed("true") == {event["eventId"]} and event["eventId"] not in listed("false") and len(listed("false")) > 1


def test_late__threshold__is_the_setting(told: Path, tmp_path: Path) -> None:
    with opened(told, tmp_path / "h", late_after_s="60") as home:
        client, headers = serve(home), bearer(home, "carrier")
        rows = client.get("/events?perPage=1000", headers=headers).json()["events"]
        assert rows and all(row["late"] for row in rows)  # the story is recorded an hour and more after it happened
        assert client.get("/events?late=false", headers=headers).json()["events"] == []


def test_waiting__for_an_event_that_nobody_has_seen__said_in_capture_and_by_show(own: Home) -> None:
    client, headers = serve(own), bearer(own, "terminal")
    offer = own.poster("carrier").prepare(dict(read_document(world.document(
        world.box("carrier", "offer-2", "OFFER", minute=50, **world.handover("carrier", "terminal")))).events[0]))
    own.poster("terminal")._ask_others = lambda _label: offer.event_id(own.gateway.separator)
    accept = own.poster("terminal").prepare(dict(read_document(world.document(world.box(
        "terminal", "accept-2", "ACCEPT", minute=55, bizLocation={"id": world.PLACE},
        **{"cl:reference": "urn:carrier:unseen"}, **world.handover("carrier", "terminal")))).events[0]))
    job = client.post("/capture", content=_body(accept), headers={**headers, "Content-Type": SIGNED}).json()
    own.settle_outbox()
    event = client.get(f"/capture/{job['captureID']}", headers=headers).json()["events"][0]
    wanted = "0x" + offer.event_id(own.gateway.separator).hex()
    assert (event["status"], event["waitingFor"], event["final"]) == ("queued", wanted, False)
    own.close()
    document = test_cli.as_json("show", event["eventId"], home=own.path)  # the index does not have it
    assert document["way"]["waitingFor"] == wanted
    code, out, _ = test_cli.command("show", event["eventId"], home=own.path)
    assert code == 0 and "waits for 0x" in out


def _body(*submissions: SignedSubmission) -> bytes:
    return json.dumps({"submissions": [s.to_json() for s in submissions]}).encode()


def test_outbox__full__503_with_retry_after_then_taken(told: Path, tmp_path: Path) -> None:
    with opened(told, tmp_path / "h", outbox_events_max="1") as home:
        client, headers = serve(home), {**bearer(home, "carrier"), "Content-Type": "application/json"}
        assert client.post("/capture", content=weigh("w1"), headers=headers).status_code == 202
        answer = client.post("/capture", content=weigh("w2"), headers=headers)
        assert answer.status_code == 503 and answer.headers["retry-after"] == "30"
        assert answer.json()["code"] == "CL-UNAVAILABLE-002" and answer.json()["retryAfter"] == 30
        assert client.post("/capture", content=weigh("w1"), headers=headers).status_code == 202  # a repeat
        home.settle_outbox()
        again = client.post("/capture", content=weigh("w2"), headers=headers)
        assert again.status_code == 202
        home.settle_outbox()
        job = client.get(again.headers["location"], headers=headers).json()
        assert [e["status"] for e in job["events"]] == ["recorded"]  # nothing was lost


def test_show_and_post__of_a_recorded_event__with_its_way(own: Home, tmp_path: Path) -> None:
    own.close()
    posted = test_cli.as_json("post", test_cli.write(tmp_path / "w.json", world.event(
        "carrier", "w9", "OBSERVE", **{"cl:step": "WEIGH"})), "--as", "carrier", home=own.path)
    event = posted["documents"][0]["events"][0]
    assert [step["status"] for step in event["history"]] == ["queued", "submitted", "recorded"]
    assert event["late"] and event["block"] and event["transaction"].startswith("0x")  # posted by the machine's clock
    shown = test_cli.as_json("show", event["eventId"], home=own.path)
    assert shown["way"]["history"] == event["history"]
    code, out, _ = test_cli.command("show", event["eventId"], home=own.path)
    assert code == 0 and "Way of" in out and "submitted" in out and ", late (" in out


# looks


def test_looks__at_anothers_content__kept_and_told_to_owner_and_customs_only(own: Home) -> None:
    client = serve(own)
    who = {name: bearer(own, name) for name in ("carrier", "terminal", "customs", "rival", "garment")}
    offer = client.get(f"/events/{world.uri('carrier')}events/offer".replace("https://", "https%3A%2F%2F"),
                       headers=who["terminal"]).json()
    assert offer["participant"]["id"] == "carrier"

    def looks(name: str, **query: str) -> list[tuple[str, str, str]]:
        found = client.get("/looks", params={"perPage": "1000", **query}, headers=who[name])
        assert found.status_code == 200, found.text
        return [(row["reader"], row["owner"], row["eventId"]) for row in found.json()["looks"]]

    assert looks("carrier") == [("terminal", "carrier", offer["eventId"])]
    assert looks("customs") == looks("carrier") and looks("rival") == looks("terminal") == []
    client.get(f"/events/{offer['eventId']}", headers=who["carrier"])                 # one's own: no look
    client.get(f"/events/{offer['eventId']}", headers=who["rival"])                   # not found: nothing was seen
    assert len(looks("customs")) == 1
    client.get(f"/units/{world.BOX}", headers=who["customs"])
    client.get("/events?perPage=1000", headers=who["customs"])
    assert {row[:2] for row in looks("customs")} >= {("customs", "carrier"), ("customs", "terminal"), ("customs", "garment")}
    assert all(owner == "garment" for _, owner, _ in looks("garment"))
    assert {row[2] for row in looks("customs", event=offer["eventId"])} == {offer["eventId"]}
    page = client.get("/looks?perPage=2", headers=who["customs"]).json()
    following = client.get(f"/looks?perPage=1000&nextPageToken={page['nextPageToken']}", headers=who["customs"]).json()
    assert len(page["looks"]) == 2 and len(following["looks"]) == len(looks("customs")) - 2


def test_looks__at_what_anothers_events_add_up_to__kept_by_book_and_by_event(own: Home) -> None:
    client, customs, owner = serve(own), bearer(own, "customs"), bearer(own, "garment")
    period = "from=2026-01-01&to=2026-12-31"
    for headers in (customs, owner):
        for asked in ("settlement", "settlement.xlsx"):
            assert client.get(f"/books/garment-book/{asked}?{period}", headers=headers).status_code == 200
        assert client.get("/lots/garment/SHIRT-1/trace", headers=headers).status_code == 200
    rows = client.get("/looks?perPage=1000", headers=owner).json()["looks"]
    assert {(row["reader"], row["owner"]) for row in rows} == {("customs", "garment")}
    assert [row["place"] for row in rows if row["eventId"] is None] == [f"/books/garment-book?{period}"] * 2
    traced = {row["eventId"] for row in rows if row["place"] == "/lots/garment/SHIRT-1/trace"}
    view = client.get("/lots/garment/SHIRT-1/trace", headers=owner).json()
    assert traced and traced == {e["event"] for way in ("backward", "forward") for part in view[way]
                                 for e in part["graph"]["edges"] if e["event"]}


def test_looks__of_the_pages__are_kept_too(own: Home) -> None:
    client = serve(own)
    client.cookies.set("cargoledger_session", world.token(own, "customs"))
    assert client.get(f"/view/unit/{world.BOX}").status_code == 200
    found = own.looks.looks()
    assert len(found) == 4 and {look.place for look in found} == {f"/view/unit/{world.BOX}"}
    client.get("/view/event/0x" + found[0].event_id.hex())
    assert own.looks.looks(after=found[-1].id)[0].place.startswith("/view/event/")


def test_looks__cannot_be_kept__nothing_is_shown(own: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> int:
        raise OSError("disk")

    monkeypatch.setattr(own.looks, "record", broken)
    answer = serve(own).get(f"/units/{world.BOX}", headers=bearer(own, "customs"))
    assert answer.status_code == 500 and world.BOX not in answer.text


def test_looks__changed_or_removed_afterwards__refused_by_the_store(own: Home) -> None:
    own.looks.record(1, [(b"\x01" * 32, 2)], "/x")
    for statement in ("DELETE FROM look", "UPDATE look SET reader=9"):
        with pytest.raises(Exception, match="only added"), own._store.transaction() as sql:
            sql.execute(statement)
    assert len(own.looks.looks()) == 1


# whose event is meant


def test_event__eventid_used_by_a_stranger_too__each_finds_the_one_it_may_mean(own: Home) -> None:
    label = f"{world.uri('carrier')}events/arrive"
    later = f"{world.uri('carrier')}events/later"
    for name, used in (("rival", label), ("customs", label), ("rival", later), ("carrier", later)):
        about = world.box if name == "carrier" else world.event  # the box has readers
        own.post_document(world.document(about(name, "x", "OBSERVE", eventID=used)), name)
        own.settle_outbox()
    numbers = {entry.id: entry.number for entry in own.directory.participants}
    with own.session() as session:
        def poster(name: str, used: str = label) -> int:
            return event_for(session, used, reader_for(session, numbers[name], NOW_S)).participant

        for name in ("rival", "customs"):  # its own, though the carrier's was first
            assert poster(name) == numbers[name]
        assert poster("carrier") == poster("terminal") == numbers["carrier"]
        assert poster("terminal", later) == numbers["carrier"]  # though a stranger used it before
        with pytest.raises(NotFoundError):
            poster("garment", later)
    assert own.posting.naming("rival").resolve_event(label) == own.gateway.resolve_event(label, numbers["rival"])
    assert own.posting.naming("rival").resolve_event(label) != own.posting.naming("carrier").resolve_event(label)


# tokens


def test_token__listed_and_revoked_by_the_command__refused_from_then_on(own: Home) -> None:
    client = serve(own)
    text = world.token(own, "carrier")
    headers = {"Authorization": f"Bearer {text}"}
    assert client.get("/events", headers=headers).status_code == 200
    listed = test_cli.as_json("token", "list", home=own.path)["tokens"]
    assert [(t["participant"], t["revokedAt"]) for t in listed if t["id"] == text.split("_")[1]] == [("carrier", None)]
    assert text not in json.dumps(listed)
    for given in (text, text.split("_")[1]):
        assert test_cli.as_json("token", "revoke", given, home=own.path)["revoked"]
    assert client.get("/events", headers=headers).status_code == 401  # the running server knows at once
    assert all(t["revokedAt"] for t in test_cli.as_json("token", "list", home=own.path)["tokens"] if t["id"] == text.split("_")[1])
    code, out, _ = test_cli.command("token", "list", home=own.path)
    assert code == 0 and "revoked" in out
    test_cli.as_json("token", "revoke", "nobody", home=own.path, code=2)
