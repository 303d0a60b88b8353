"""The programming interface: who may ask what, how errors look, that numbers stay exact."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import world
from fastapi.routing import APIRoute
from openpyxl import load_workbook
from pypdf import PdfReader
from starlette.testclient import TestClient

from api.home import Home
from api.http.app import create_app
from api.http.gate import PUBLIC_PATHS, PUBLIC_PREFIXES, is_page
from ledger.limits import DEFAULT_LIMITS
from ledger.settings import Settings
from tracer.quantity import grouped

Headers = Callable[[str], dict[str, str]]
CODE = r"CL-[A-Z]+-\d{3}"


def routes(client: TestClient) -> list[tuple[str, str]]:
    found = []

    def walk(items: Any) -> None:
        for route in items:
            if isinstance(route, APIRoute):
                found.extend((method, route.path) for method in sorted(route.methods or ()))
            elif hasattr(route, "original_router"):
                walk(route.original_router.routes)
            elif hasattr(route, "routes") and not hasattr(route, "path"):
                walk(route.routes)

    walk(client.app.routes)  # type: ignore[attr-defined]
    return found


def problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= set(body)
    assert body["status"] == status and body["type"] == f"urn:cargoledger:error:{body['code']}"
    return body


# who gets in


def test_routes__asked_without_credential__all_but_the_public_ones_refused(client: TestClient) -> None:
    checked = []
    for method, path in routes(client):
        address = path.replace("{event_id:path}", "x").replace("{unit_id:path}", "x").replace("{lot_id:path}", "x")
        address = address.format(capture_id="x", event_id="x", unit_id="x", lot_id="x", book_id="x", number=1, finding="0123456789ab")
        if address in PUBLIC_PATHS or address.startswith(PUBLIC_PREFIXES):
            continue
        answer = client.request(method, address)
        if is_page(address):
            assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in"), address
        else:
            assert problem(answer, 401)["code"] == "CL-INPUT-005"
            assert answer.headers["www-authenticate"].startswith("Bearer")
        checked.append(address)
    assert {"/capture", "/events", "/units/x", "/lots/x/trace", "/books/x/settlement", "/", "/view/unit/x"} <= set(checked)


def test_public_addresses__are_only_these() -> None:
    assert {"/healthz", "/sign-in", "/favicon.ico"} == PUBLIC_PATHS and PUBLIC_PREFIXES == ("/static/",)


def test_unknown_address__without_credential__looks_like_any_other(client: TestClient) -> None:
    problem(client.get("/no-such-thing"), 401)


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic abc", "Bearer cl_0011223344556677_AAAA", "Bearer \x7f"])
def test_token__malformed_or_unknown__401(client: TestClient, value: str) -> None:
    problem(client.get("/events", headers={"Authorization": value}), 401)


def test_token__revoked__401(client: TestClient, home: Home) -> None:
    text = world.token(home, "garment")
    headers = {"Authorization": f"Bearer {text}"}
    assert client.get("/events", headers=headers).status_code == 200
    home.tokens.revoke(text.split("_")[1])
    problem(client.get("/events", headers=headers), 401)


def test_token__after_its_end__401(client: TestClient, home: Home) -> None:
    text = world.token(home, "garment")
    home.clock.now_s += 86_401  # type: ignore[attr-defined]
    try:
        problem(client.get("/events", headers={"Authorization": f"Bearer {text}"}), 401)
    finally:
        home.clock.now_s -= 86_401  # type: ignore[attr-defined]


def test_token__read_only__may_ask_but_not_post(client: TestClient, home: Home) -> None:
    headers = {"Authorization": f"Bearer {world.token(home, 'garment', 'read')}", "Content-Type": "application/json"}
    assert client.get("/events", headers=headers).status_code == 200
    problem(client.post("/capture", headers=headers, content=b"{}"), 401)


def test_token__in_the_store__only_as_hash(home: Home) -> None:
    text = world.token(home, "garment")
    stored = home.settings.path(home.settings.gateway_store).read_bytes()
    wal = home.settings.path(home.settings.gateway_store + "-wal")
    assert text.split("_", 2)[2].encode() not in stored + (wal.read_bytes() if wal.exists() else b"")


def test_cookie__on_the_programming_interface__opens_nothing(client: TestClient, home: Home) -> None:
    problem(client.get("/events", headers={"Cookie": f"cargoledger_session={world.token(home, 'customs')}"}), 401)


# who sees what

READERS = [
    # unit,            who sees it
    (world.BOX, {"customs", "carrier", "terminal"}),
    ("garment/COT-1", {"customs", "garment"}),
    ("garment/SHIRT-1", {"customs", "garment"}),
    ("rival/SILK-9", {"customs", "rival"}),
]
EVERYBODY = ["customs", "carrier", "terminal", "garment", "rival", "auditor"]


@pytest.mark.parametrize("participant", EVERYBODY)
@pytest.mark.parametrize(("unit", "seen_by"), READERS, ids=[u for u, _ in READERS])
def test_units__of_others__missing_and_forbidden_alike(
    client: TestClient, headers: Headers, unit: str, seen_by: set[str], participant: str
) -> None:
    answer = client.get(f"/units/{unit}", headers=headers(participant))
    if participant in seen_by:
        assert answer.status_code == 200 and answer.json()["timeline"]
        return
    forbidden = problem(answer, 404)
    missing = problem(client.get("/units/garment/NO-SUCH", headers=headers(participant)), 404)
    assert {**forbidden, "detail": ""} == {**missing, "detail": ""}
    assert forbidden["detail"].replace(unit, "X") == missing["detail"].replace("garment/NO-SUCH", "X")


@pytest.mark.parametrize("participant", EVERYBODY)
def test_events__of_others__neither_listed_nor_shown(client: TestClient, headers: Headers, participant: str) -> None:
    everything = client.get("/events?perPage=100", headers=headers("customs")).json()["events"]
    assert len(everything) == len(world.STORY)
    mine = {e["eventId"] for e in client.get("/events?perPage=100", headers=headers(participant)).json()["events"]}
    for event in everything:
        answer = client.get(f"/events/{event['eventId']}", headers=headers(participant))
        assert answer.status_code == (200 if event["eventId"] in mine else 404)
        by_label = client.get("/events/" + event["epcisEventId"].replace("/", "%2F"), headers=headers(participant))
        assert by_label.status_code == answer.status_code
    own = {e["eventId"] for e in everything if e["participant"]["id"] == participant}
    assert own <= mine
    if participant == "rival":
        assert len(mine) == 1
    if participant == "auditor":
        assert not mine


@pytest.mark.parametrize("participant", EVERYBODY)
def test_books__of_others__missing(client: TestClient, headers: Headers, participant: str) -> None:
    for owner in ("garment", "rival"):
        answer = client.get(f"/books/{owner}-book/settlement?from=2026-01-01&to=2026-12-31", headers=headers(participant))
        if participant in (owner, "customs"):
            assert answer.status_code == 200
        else:
            problem(answer, 404)


@pytest.mark.parametrize("participant", EVERYBODY)
def test_trace__of_others__missing(client: TestClient, headers: Headers, participant: str) -> None:
    answer = client.get("/lots/garment/COT-1/trace", headers=headers(participant))
    if participant in ("garment", "customs"):
        assert answer.status_code == 200
    else:
        problem(answer, 404)


def test_capture_job__of_somebody_else__missing(client: TestClient, headers: Headers) -> None:
    body = world.document(world.event("carrier", "seen", "OBSERVE"))
    job = client.post("/capture", content=body, headers={**headers("carrier"), "Content-Type": "application/json"})
    location = job.headers["location"]
    assert client.get(location, headers=headers("carrier")).status_code == 200
    problem(client.get(location, headers=headers("rival")), 404)


# what is answered


def test_unit__refused_event__says_why_and_what_to_do(client: TestClient, headers: Headers) -> None:
    unit = client.get(f"/units/{world.BOX}", headers=headers("terminal")).json()
    refused = [row for row in unit["timeline"] if row["outcome"]["refused"]]
    assert [row["outcome"]["name"] for row in refused] == ["HELD"]
    assert refused[0]["outcome"]["sentence"] and refused[0]["outcome"]["remedy"]
    assert unit["state"]["custodian"]["id"] == "terminal"
    assert [h["id"] for h in unit["state"]["holds"]] == ["customs"]
    assert unit["seals"] == [{"number": "SEAL-1", "type": "BLT", "source": "CAR"}]


def test_quantities__six_decimals__every_digit_in_and_out(client: TestClient, headers: Headers) -> None:
    text = client.get("/events/" + f"{world.uri('garment')}events/buy".replace("/", "%2F"), headers=headers("garment")).text
    value = json.loads(text, parse_float=Decimal)
    assert value["epcis"]["quantityList"][0]["quantity"] == Decimal(world.EXACT)
    assert value["units"][0]["quantity"] == world.EXACT
    assert f'"quantity":{world.EXACT}' in text  # a number still, not a string, and no float's neighbour


def test_trace__lot_made_from_another__quantities_both_ways(client: TestClient, headers: Headers) -> None:
    backward = client.get("/lots/garment/SHIRT-1/trace?direction=backward", headers=headers("garment")).json()
    assert [row["quantity"] for row in backward["backward"][0]["rows"]] == ["50"]
    forward = client.get("/lots/garment/COT-1/trace?direction=forward", headers=headers("garment")).json()
    places = {row["state"]: row["quantity"] for row in forward["forward"][0]["rows"]}
    assert sum(map(Decimal, places.values())) == Decimal(world.EXACT)
    assert places["in_store"] == str(Decimal(world.EXACT) - 60) and places["in_production"] == "10"


def test_trace__from_a_lot__its_part_and_what_lies_between(client: TestClient, headers: Headers) -> None:
    answer = client.get("/lots/garment/SHIRT-1/trace?from=COT-1", headers=headers("garment")).json()
    assert answer["direction"] == "backward" and answer["from"]["label"] == "garment/COT-1"
    (one,) = answer["backward"]
    assert [(row["id"], row["quantity"]) for row in one["rows"]] == [("garment/COT-1", "50")]
    assert {node["label"] for node in one["graph"]["nodes"]} == {"garment/COT-1", "TRANSFORM", "garment/SHIRT-1"}
    problem(client.get("/lots/garment/SHIRT-1/trace?from=nothing", headers=headers("garment")), 404)
    problem(client.get("/lots/garment/SHIRT-1/trace?direction=forward&from=COT-1", headers=headers("garment")), 400)


def test_settlement__book_of_the_story__identity_holds(client: TestClient, headers: Headers) -> None:
    answer = client.get("/books/garment-book/settlement?from=2026-01-01&to=2026-12-31", headers=headers("garment")).json()
    row = answer["form15"][0]
    assert row["received"] == world.EXACT and row["issued"] == "60"
    assert Decimal(row["closing"]) == Decimal(row["received"]) - 60


def test_events__pages__cover_everything_once_in_order(client: TestClient, headers: Headers) -> None:
    seen, address = [], "/events?perPage=4"
    while address:
        answer = client.get(address, headers=headers("customs"))
        seen += [event["seq"] for event in answer.json()["events"]]
        link = answer.headers.get("link", "")
        address = link.partition("<")[2].partition(">")[0]
        assert bool(address) == (answer.json()["nextPageToken"] is not None)
    assert seen == sorted(set(seen)) and len(seen) >= len(world.STORY)


FILTERS = [
    ("kind=HOLD", {"HOLD"}),
    ("refused=true", {"GATE_OUT"}),
    ("unit=garment/SHIRT-1", {"TRANSFORM"}),
    ("book=rival-book", {"RECEIVE_DOMESTIC"}),
    ("LT_eventTime=2026-03-02T07:05:00%2B07:00&refused=false&kind=ARRIVE", {"ARRIVE"}),
    ("GE_eventTime=2026-03-02T08:20:00%2B07:00", {"TRANSFORM"}),
    ("GE_eventTime=1969-12-31T23:59:59Z&book=rival-book", {"RECEIVE_DOMESTIC"}),
    ("LT_eventTime=0001-01-01T00:00:00%2B14:00", set()),
    ("GE_eventTime=9999-12-31T23:59:59-14:00", set()),
]


@pytest.mark.parametrize(("query", "kinds"), FILTERS, ids=[q for q, _ in FILTERS])
def test_events__filter__only_what_was_asked_for(client: TestClient, headers: Headers, query: str, kinds: set[str]) -> None:
    events = client.get(f"/events?{query}", headers=headers("customs")).json()["events"]
    assert {event["kind"] for event in events} == kinds


BAD_QUERIES = [
    ("/events?kinds=HOLD", "'kinds' is unknown"), ("/events?kind=HOLD&kind=OFFER", "given twice"),
    ("/events?kind=NONSENSE", "kind"), ("/events?perPage=0", "perPage"), ("/events?perPage=1000000000", "perPage"),
    ("/events?nextPageToken=-1", "page token"), ("/events?GE_eventTime=2026-03-02T07:00:00", "no time zone"),
    ("/events?GE_eventTime=yesterday", "is not a time"), (f"/units/{world.BOX}?full=1", "'full' is unknown"),
    ("/books/garment-book/settlement", "from"), ("/books/garment-book/settlement?from=2026&to=2027", "two days"),
    ("/books/garment-book/settlement?from=2026-12-31&to=2026-01-01", ""),
    ("/lots/garment/COT-1/trace?direction=up", "direction"), ("/healthz?x=1", "'x' is unknown"),
    ("/units/" + "a" * 301, ""), ("/units/%00", "U+0000"), ("/events/a%00b", "U+0000"), ("/events?unit=%00", "U+0000"),
    ("/lots/%00/trace", "U+0000"),
]


@pytest.mark.parametrize(("address", "says"), BAD_QUERIES, ids=[a[:50] for a, _ in BAD_QUERIES])
def test_parameters__unknown_or_wrong__400_naming_them(client: TestClient, headers: Headers, address: str, says: str) -> None:
    assert says in problem(client.get(address, headers=headers("garment")), 400)["detail"]


def test_release_study__of_years_before_1970__answered(client: TestClient, headers: Headers) -> None:
    period = {"from": "1960-01-01", "to": "2026-12-31", "against_from": "1950-01-01", "against_to": "1959-12-31"}
    assert client.get("/release-study", params=period, headers=headers("customs")).status_code == 200


def test_method__not_taken_here__405_in_the_one_shape(client: TestClient, headers: Headers) -> None:
    problem(client.delete("/events", headers=headers("garment")), 405)


def test_fault_of_ours__500_says_nothing_internal(
    client: TestClient, headers: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("secret path /srv/keys")

    monkeypatch.setattr("api.http.reading.event_view", broken)
    body = problem(client.get("/events/0x00", headers=headers("garment")), 500)
    assert body["code"] == "CL-INVARIANT-001" and "secret" not in json.dumps(body)


# events in


def post(client: TestClient, headers: dict[str, str], body: Any, kind: str = "application/json") -> Any:
    return client.post("/capture", content=body, headers={**headers, "Content-Type": kind})


def test_capture__document_of_own_systems__job_then_outcome(client: TestClient, headers: Headers, home: Home) -> None:
    body = world.document(world.event("carrier", "weigh", "OBSERVE", **{"cl:step": "WEIGH"}))
    answer = post(client, headers("carrier"), body, "application/ld+json; charset=utf-8")
    assert answer.status_code == 202 and answer.json()["running"]
    home.settle_outbox()
    job = client.get(answer.headers["location"], headers=headers("carrier")).json()
    assert not job["running"] and job["success"]
    assert [e["status"] for e in job["events"]] == ["recorded"]
    again = post(client, headers("carrier"), body)
    assert again.status_code == 202 and again.json()["events"][0]["eventId"] == job["events"][0]["eventId"]
    assert not again.json()["running"]


def test_capture__refused_by_the_ledger__job_says_why(client: TestClient, headers: Headers, home: Home) -> None:
    answer = post(client, headers("terminal"), world.document(world.box("terminal", "gate-out-2", "GATE_OUT", minute=40)))
    home.settle_outbox()
    job = client.get(answer.headers["location"], headers=headers("terminal")).json()
    assert job["success"] is False and job["events"][0]["outcome"]["name"] == "HELD"
    assert job["events"][0]["outcome"]["sentence"]


def test_capture__same_id_other_content__409(client: TestClient, headers: Headers) -> None:
    body = world.document(world.event("carrier", "arrive", "OBSERVE"))
    problem(post(client, headers("carrier"), body), 409)


def test_capture__several_faults__all_listed_and_nothing_taken(client: TestClient, headers: Headers, home: Home) -> None:
    before = home.gateway.counts()
    good = world.event("carrier", "fine", "OBSERVE")
    bad = world.box("carrier", "bad-1", "OFFER", minute=1)
    worse = {**world.event("carrier", "bad-2", "OBSERVE"), "eventTime": "yesterday"}
    body = problem(post(client, headers("carrier"), world.document(good, bad, worse)), 400)
    assert body["faults"] and all(f["pointer"].startswith("/epcisBody/eventList/") for f in body["faults"])
    only_bad = problem(post(client, headers("carrier"), world.document(good, bad)), 400)
    assert only_bad["faults"][0]["pointer"].startswith("/epcisBody/eventList/1")
    assert home.gateway.counts() == before


def test_capture__answer_to_an_event_of_the_same_document__taken(client: TestClient, headers: Headers, home: Home) -> None:
    arrive = {**world.box("carrier", "arrive-2", "ARRIVE", bizLocation={"id": world.PLACE}, **{
        "cl:lines": [{"id": "urn:epc:id:bic:MSKU6011672", "role": "CONTAINER"}]}), "epcList": ["urn:epc:id:bic:MSKU6011672"]}
    offer = {**world.box("carrier", "offer-2", "OFFER", minute=1, **world.handover("carrier", "terminal")),
             "epcList": ["urn:epc:id:bic:MSKU6011672"]}
    cancel = {**world.box("carrier", "cancel-2", "CANCEL", minute=2, **{"cl:reference": offer["eventID"]}),
              "epcList": ["urn:epc:id:bic:MSKU6011672"]}
    answer = post(client, headers("carrier"), world.document(arrive, offer, cancel))
    assert answer.status_code == 202, answer.text
    home.settle_outbox()
    job = client.get(answer.headers["location"], headers=headers("carrier")).json()
    assert [e["status"] for e in job["events"]] == ["recorded"] * 3


BAD_BODIES = [
    (b"", "application/json", 400), (b"{", "application/json", 400), (b'{"a":1,"a":2}', "application/json", 400),
    (b"[" * 100_000, "application/json", 400), (b"\xff\xfe", "application/json", 400), (b"{}", "text/plain", 415),
    (b"{}", "application/x-www-form-urlencoded", 415), (b'{"x":1}', "application/vnd.cargoledger.signed+json", 400),
    (b'{"submissions":[]}', "application/vnd.cargoledger.signed+json", 400),
    (b'{"submissions":[{}]}', "application/vnd.cargoledger.signed+json", 400),
]


@pytest.mark.parametrize(("body", "kind", "status"), BAD_BODIES, ids=[f"{k}-{b[:12]!r}" for b, k, _ in BAD_BODIES])
def test_capture__unusable_body__refused_in_the_one_shape(
    client: TestClient, headers: Headers, body: bytes, kind: str, status: int
) -> None:
    problem(post(client, headers("carrier"), body, kind), status)


def test_body__announced_too_large__413_unread(client: TestClient, headers: Headers) -> None:
    body = b" " * (DEFAULT_LIMITS.body_bytes_max + 1)
    assert problem(post(client, headers("carrier"), body), 413)["code"] == "CL-INPUT-004"


def test_body__in_chunks_without_length_and_end__413_at_the_limit(client: TestClient, headers: Headers) -> None:
    chunk, taken, sent = 65_536, 0, []
    name, value = next(iter(headers("carrier").items()))

    async def receive() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        assert taken * chunk <= DEFAULT_LIMITS.body_bytes_max + 2 * chunk, "it goes on reading"
        return {"type": "http.request", "body": b" " * chunk, "more_body": True}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
             "path": "/capture", "raw_path": b"/capture", "query_string": b"", "root_path": "", "server": ("x", 80),
             "client": ("127.0.0.1", 1), "headers": [(name.lower().encode(), value.encode()),
                                                     (b"content-type", b"application/json")]}
    asyncio.run(client.app(scope, receive, send))  # type: ignore[arg-type]
    assert sent[0]["status"] == 413
    assert json.loads(sent[1]["body"])["code"] == "CL-INPUT-004"


def test_capture__signed_elsewhere__taken_from_its_own_participant_only(
    client: TestClient, headers: Headers, home: Home
) -> None:
    content = {"@context": world.CONTEXT, **world.event("carrier", "signed", "OBSERVE")}
    submission = home.poster("carrier").prepare(content)
    body = json.dumps({"submissions": [submission.to_json()]}).encode()
    kind = "application/vnd.cargoledger.signed+json"
    assert problem(post(client, headers("rival"), body, kind), 400)["pointer"] == "/submissions/0/participant"
    answer = post(client, headers("carrier"), body, kind)
    assert answer.status_code == 202, answer.text
    home.settle_outbox()
    assert client.get(answer.headers["location"], headers=headers("carrier")).json()["success"]


def test_capture__signature_of_another_key__not_taken_by_the_ledger(client: TestClient, headers: Headers, home: Home) -> None:
    content = {"@context": world.CONTEXT, **world.event("carrier", "forged", "OBSERVE")}
    value = home.poster("carrier").prepare(content).to_json()
    value["event"]["occurredAt"] = str(int(value["event"]["occurredAt"]) + 1)  # signed content changed afterwards
    body = json.dumps({"submissions": [value]}).encode()
    answer = post(client, headers("carrier"), body, "application/vnd.cargoledger.signed+json")
    assert answer.status_code == 202
    home.settle_outbox()
    job = client.get(answer.headers["location"], headers=headers("carrier")).json()
    assert not job["success"] and job["events"][0]["status"] == "not_taken"


# the server itself


def test_health__needs_no_token__says_nothing_of_content(client: TestClient) -> None:
    answer = client.get("/healthz")
    assert answer.status_code == 200
    assert set(answer.json()) == {"status", "ledgerBlock", "indexBlock", "indexTime", "waiting", "endpoints", "faults"}


def test_docs__not_asked_for__off_and_then_behind_a_token(home: Home, client: TestClient, headers: Headers) -> None:
    problem(client.get("/docs", headers=headers("garment")), 404)
    problem(client.get("/openapi.json", headers=headers("garment")), 404)
    with TestClient(create_app(home, docs=True), follow_redirects=False) as other:
        problem(other.get("/openapi.json"), 401)
        assert other.get("/openapi.json", headers=headers("garment")).status_code == 200


def test_other_origins__none_configured__no_permission_given(client: TestClient, headers: Headers) -> None:
    answer = client.get("/events", headers={**headers("garment"), "Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in answer.headers


def test_settings__wildcard_origin__refused(tmp_path: Any) -> None:
    with pytest.raises(Exception, match="wildcard"):
        Settings.load(tmp_path, {"CARGOLEDGER_ALLOWED_ORIGINS": "*"})


def test_answers__security_headers__on_every_kind(client: TestClient, headers: Headers) -> None:
    for answer in (client.get("/healthz"), client.get("/nope"), client.get("/sign-in"), client.get("/static/style.css")):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_workbook__of_a_settlement__says_what_the_settlement_says(client: TestClient, headers: Headers) -> None:
    days = "from=2026-01-01&to=2026-12-31"
    answer = client.get(f"/books/garment-book/settlement.xlsx?{days}", headers=headers("garment"))
    assert answer.headers["content-disposition"] == 'attachment; filename="settlement-2026-01-01-2026-12-31.xlsx"'
    said = client.get(f"/books/garment-book/settlement?{days}", headers=headers("garment")).json()
    sheet = load_workbook(io.BytesIO(answer.content))["15"]
    shown = [row[1] for row in sheet.iter_rows(min_row=8, values_only=True) if str(row[0] or "").isdigit()]
    assert shown == [row["code"] for row in said["form15"]]
    assert shown
    assert client.get(f"/books/garment-book/settlement.xlsx?{days}", headers=headers("carrier")).status_code == 404
    assert client.get(f"/books/garment-book/settlement.xlsx?{days}").status_code == 401


DAYS = "from=2026-01-01&to=2026-12-31"


def test_pdf__of_a_settlement__says_what_the_settlement_says(client: TestClient, headers: Headers) -> None:
    answer = client.get(f"/books/garment-book/settlement.pdf?{DAYS}", headers=headers("garment"))
    assert answer.headers["content-type"] == "application/pdf"
    assert answer.headers["content-disposition"] == 'attachment; filename="settlement-2026-01-01-2026-12-31.pdf"'
    said = client.get(f"/books/garment-book/settlement?{DAYS}", headers=headers("garment")).json()
    first = PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
    assert said["form15"][0]["code"] in first and grouped(said["form15"][0]["closing"]) in first
    assert f"as known at block {said['known_at']['block']} of the ledger" in first
    again = client.get(f"/books/garment-book/settlement.pdf?{DAYS}", headers=headers("garment"))
    assert again.content == answer.content
    statement = client.get(f"/books/garment-book/settlement.pdf?{DAYS}&paper=exemption", headers=headers("garment"))
    assert "Used in products that left" in PdfReader(io.BytesIO(statement.content)).pages[0].extract_text()
    assert client.get(f"/books/garment-book/settlement.pdf?{DAYS}", headers=headers("rival")).status_code == 404
    assert client.get(f"/books/garment-book/settlement.pdf?{DAYS}").status_code == 401


def test_settlement__policy_and_basis__as_asked_and_named(client: TestClient, headers: Headers) -> None:
    own = client.get(f"/books/garment-book/settlement?{DAYS}", headers=headers("garment")).json()
    assert (own["allocation"], own["yield_basis"]) == ("SPECIFIC", "VN_NORM")
    more = "allocation=low_to_high_turnover&turnover_days=30&yield_basis=US_USED_IN"
    other = client.get(f"/books/garment-book/settlement?{DAYS}&{more}", headers=headers("garment")).json()
    assert (other["allocation"], other["allocation_method"], other["yield_basis"]) == ("LOW_TO_HIGH_TURNOVER", "05", "US_USED_IN")
    checked = client.get(f"/books/garment-book/check?{more}", headers=headers("garment")).json()
    assert (checked["allocation"], checked["yield_basis"]) == ("LOW_TO_HIGH_TURNOVER", "US_USED_IN")
    assert checked["findings"] == other["report"]["findings"] and checked["period"] == {"from": "2026-01-01", "to": "2026-12-31"}


@pytest.mark.parametrize(("route", "query", "says"), [
    ("settlement", f"{DAYS}&allocation=CHEAPEST", "'CHEAPEST' is no allocation policy"),
    ("settlement", f"{DAYS}&yield_basis=GUESS", "'GUESS' is no yield basis"),
    ("settlement", f"{DAYS}&turnover_days=0", "greater than or equal to 1"),
    ("settlement", f"{DAYS}&known_at=999999", "block 999999 is not indexed"),
    ("settlement", f"{DAYS}&as_of=2026-03-02", "no time zone"),
    ("settlement", f"{DAYS}&as_of=2025-03-02T00:00:00%2B07:00", "nothing of a period from 2026-01-01 on had happened"),
    ("settlement", "from=2030-01-01&to=2030-12-31", "lies outside book garment-book: it begins on 2026-03-02"),
    ("settlement", "from=2025-01-01&to=2025-12-31", "lies outside book garment-book"),
    ("settlement.pdf", f"{DAYS}&paper=invoice", "paper"), ("settlement.xlsx", f"{DAYS}&paper=invoice", "paper"),
    ("check", "allocation=CHEAPEST", "'CHEAPEST' is no allocation policy"), ("check", "polcy=FIFO", "'polcy' is unknown here"),
    ("check", "known_at=-1", "greater than or equal to 0")])
def test_book__asked_wrongly__400_that_says_what_and_what_to_do(client: TestClient, headers: Headers, route: str, query: str, says: str) -> None:
    answer = client.get(f"/books/garment-book/{route}?{query}", headers=headers("garment"))
    assert answer.status_code == 400 and answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json()["detail"]


def test_explanations__of_a_material__events_with_their_blocks_and_only_for_those_who_may_settle(client: TestClient, headers: Headers) -> None:
    answer = client.get("/books/garment-book/explanations", params={"about": "SHIRT"}, headers=headers("garment")).json()
    one = answer["explanations"][0]
    assert one["subject"] == {"type": "product", "id": "SHIRT", "code": "SHIRT", "name": "Shirt", "uom": "C62"}
    assert (one["came"], one["unexplained"]) == ("25", "0") and answer["known_at"]["block"] > 0
    for event in one["events"]:
        shown = client.get(f"/events/{event['id']}", headers=headers("garment")).json()
        assert (event["block"], event["tx"]) == (shown["block"]["number"], shown["transaction"])
    pdf = client.get("/books/garment-book/explanations.pdf", params={"about": "SHIRT"}, headers=headers("garment"))
    assert pdf.headers["content-disposition"] == 'attachment; filename="explanation-2026-01-01-2026-12-31.pdf"'
    assert one["events"][0]["tx"] in "".join(PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text().split())
    unknown = client.get("/books/garment-book/explanations", params={"about": "NOPE"}, headers=headers("garment"))
    assert unknown.status_code == 404 and "no material, product, lot" in unknown.json()["detail"]
    for route in ("explanations", "explanations.pdf"):
        assert client.get(f"/books/garment-book/{route}", params={"about": "SHIRT"}, headers=headers("rival")).status_code == 404
        assert client.get(f"/books/garment-book/{route}").status_code == 401


@pytest.mark.parametrize("paper", ["discharge", "drawback"])
def test_papers_of_other_laws__over_http__what_is_given_and_what_is_missing(client: TestClient, headers: Headers, paper: str) -> None:
    query = f"{DAYS}&paper={paper}&authorisation=IPO%2F7&ruling=44-1"
    said = client.get(f"/books/garment-book/settlement?{query}", headers=headers("garment")).json()
    fields = {row["field"]: row["value"] for row in said[paper]["particulars"]}
    assert fields.get("authorisation", fields.get("ruling")) in ("IPO/7", "44-1") and said[paper]["missing"]
    for ending in ("pdf", "xlsx"):
        file = client.get(f"/books/garment-book/settlement.{ending}?{query}", headers=headers("garment"))
        assert file.headers["content-disposition"] == f'attachment; filename="{paper}-2026-01-01-2026-12-31.{ending}"'
        assert file.content == client.get(f"/books/garment-book/settlement.{ending}?{query}", headers=headers("garment")).content
    wrong = client.get(f"/books/garment-book/settlement?{DAYS}&paper={paper}&discharge_months=x", headers=headers("garment"))
    assert wrong.status_code == 400 and "months" in wrong.json()["detail"]
