"""A ledger ends and another follows: the home signs for the new one, the index reads both, strangers are not followed."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.governing import Governing
from api.home import Home
from api.http.server import bind, serve
from ledger.chain.authority import Authority
from ledger.chain.codec import encode_record
from ledger.chain.succession import followed
from ledger.chain.tx import Sender
from ledger.errors import InputError, TrustError
from ledger.vocabulary import Outcome, Role

ROOT = Path(__file__).resolve().parents[2]
ARRIVAL = (ROOT / "examples" / "quick-start" / "arrival.json").read_bytes()
NO_WAIT = {f"CARGOLEDGER_{act}_DELAY_S": "0" for act in ("AUTHORITY", "RECOVERY", "SUCCESSION")}


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    with Home.create(folder, environment=NO_WAIT) as home:
        home.admit("customs", name="Customs", roles=Role.CUSTOMS, hold_bit=0)
        home.admit("terminal", name="Terminal", roles=Role.TERMINAL)
        home.add_facility("t1", name="T", uri="urn:example:place:cat-hai", operator="terminal", supervised=True)
        home.post_document(ARRIVAL, "terminal")
        home.settle_outbox()
    yield folder


def second(name: str) -> bytes:
    """The same report about another container."""
    text = ARRIVAL.decode().replace("CSQU3054383", "MSKU6011672").replace("7a1f0c1e", name)
    return text.encode()


def test_succession__home_opened_again__signs_for_the_new_ledger_and_indexes_both(folder: Path) -> None:
    with Home.open(folder) as home:
        old = home.deployment.ledger
        new = bytes.fromhex(Governing(home).prepare_successor()["ledger"][2:])
        assert Governing(home).succeed(new)["done"] is True
    assert json.loads((folder / "deployment.json").read_text())["earlier"] == ["0x" + old.hex()]
    assert json.loads((folder / "trust-1.json").read_text()) != json.loads((folder / "trust.json").read_text())
    with Home.open(folder) as home:
        assert (home.deployment.ledger, home.deployment.earlier) == (new, (old,))
        home.deployment.verify(home.chain)
        home.post_document(second("7a1f0c1f"), "terminal")
        assert [x.outcome for x in home.settle_outbox().settled] == [Outcome.RECORDED]
        with home.engine.connect() as connection:
            found = connection.exec_driver_sql("SELECT kind, outcome_name FROM event ORDER BY seq").fetchall()
            assert found == [("ARRIVE", "RECORDED")] * 2
            opened = connection.exec_driver_sql("SELECT status FROM payload").fetchall()
            assert opened == [("open",)] * 2
            [(successor,)] = connection.exec_driver_sql("SELECT successor FROM succession").fetchall()
            assert successor == "0x" + new.hex()
        with pytest.raises(InputError, match="takes no more events"):
            Sender(home.chain, home.keyring.gateway()).send(old, encode_record([]))


def test_server__the_ledger_ends_while_it_runs__goes_on_with_the_successor(
    folder: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nobody starts it again. An event signed for the ended ledger is given back; posted again it is recorded."""
    found: list[object] = []
    monkeypatch.setattr("api.http.server.IDLE_S", 60)  # it looks when something is posted, not before

    def post(client: httpx.Client, home: Home, name: str) -> None:
        answer = client.post("/capture", content=second(name), headers={"Content-Type": "application/json"})
        found.append(answer.status_code)
        for _ in range(400):
            status = home.outbox.status_by_label(f"urn:uuid:{name}-2f0d-4d55-9f3e-3c1b8f1f6d11", False)
            if status is not None and status.label not in ("queued", "submitted"):
                break
            time.sleep(0.05)
        found.append(status and status.label)
        found.append(status and status.history[-1].note)

    def govern_and_post(home: Home, url: str, token: str) -> None:
        try:
            with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=20) as client:
                found.append(client.get("/healthz").status_code)
                governing, before = Governing(home), home.posting
                governing.succeed(bytes.fromhex(governing.prepare_successor()["ledger"][2:]))
                post(client, home, "7a1f0c4f")
                for _ in range(400):
                    if home.__dict__.get("posting", before) is not before:
                        break
                    time.sleep(0.05)
                post(client, home, "7a1f0c5f")
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    with Home.open(folder) as home:
        old = home.deployment.ledger
        token, _ = home.issue_token("terminal", label="gate", valid_s=600, scopes=frozenset({"capture", "read"}))
        sockets, url = bind("127.0.0.1", 0)
        actor = threading.Thread(target=govern_and_post, args=(home, url, token))
        actor.start()
        assert serve(home, sockets, url) is True
        actor.join()
        assert home.deployment.earlier == (old,)
    given_back = "its ledger ended and another follows it: post it again, to be signed for that one"
    assert found == [200, 202, "not_taken:LEDGER_ENDED", given_back, 202, "recorded", ""]


def test_succession__events_queued_and_recorded_but_not_heard_of__one_given_back_the_other_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What waits in the outbox when the ledger ends holds nobody up, and loses nothing."""
    def killed(name: str) -> None:
        if name == "before-settled":
            raise KeyboardInterrupt

    with Home.open(folder) as home:
        new = bytes.fromhex(Governing(home).prepare_successor()["ledger"][2:])
        home.post_document(second("7a1f0c6f"), "terminal")
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(home._store, "failpoint", killed)
            home.gateway.flush()
        home.post_document(second("7a1f0c7f").replace(b"MSKU6011672", b"CSQU3054383"), "terminal")
        assert Governing(home).succeed(new)["done"] is True
    with Home.open(folder) as home:
        found = {x.epcis_event_id[9:17]: x.label for _ in range(2) for x in home.settle_outbox().settled}
        assert found == {"7a1f0c6f": "recorded", "7a1f0c7f": "not_taken:LEDGER_ENDED"}
        home.post_document(second("7a1f0c7f").replace(b"MSKU6011672", b"CSQU3054383"), "terminal")
        assert [x.label for x in home.settle_outbox().settled] == ["recorded"]
        (again,) = home.post_document(second("7a1f0c6f"), "terminal")
        assert (again.repeated, again.status) == (True, "recorded")
        assert home.settle_outbox().settled == ()


def test_server__told_to_stop_while_it_follows__stops(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[str] = []

    def ended(*_: object, **__: object) -> bool:
        rounds.append("served")
        return len(rounds) < 3

    with Home.open(folder) as home:
        monkeypatch.setattr("api.http.server._serve_one_ledger", ended)
        monkeypatch.setattr(home, "follow", lambda: os.kill(os.getpid(), signal.SIGTERM))
        sockets, url = bind("127.0.0.1", 0)
        assert serve(home, sockets, url) is True
    assert rounds == ["served"]


def test_server__the_ledger_ends_in_a_contract_that_is_none__stops_and_says_so(folder: Path) -> None:
    with Home.open(folder) as home:
        assert home.indexer.run_once().block_number > 0
        Authority(home.chain, home.deployment, home.keyring.authority()).succeed(home.deployment.participants)
        sockets, url = bind("127.0.0.1", 0)
        assert serve(home, sockets, url) is False
        assert "no ledger that this version knows" in str(home.fault)
        assert home.deployment.earlier == ()


def test_succession__event_that_came_in_another_way_before__keeps_its_outcome(folder: Path) -> None:
    """Recorded through another gateway while it waited here: given back it would be posted, and recorded, twice."""
    with Home.open(folder) as home:
        new = bytes.fromhex(Governing(home).prepare_successor()["ledger"][2:])
        home.post_document(second("7a1f0c8f"), "terminal")
        home.post_document(second("7a1f0c9f").replace(b"MSKU6011672", b"CSQU3054383"), "terminal")
        waiting = home.outbox.events([row["seq"] for row in home._store.rows("SELECT seq FROM submission WHERE status='queued'")])
        first = next(event for event in waiting if "7a1f0c8f" in event.epcis_event_id)
        Sender(home.chain, home.keyring.gateway()).send(
            home.deployment.ledger, encode_record([(first.custody_event, first.signature, first.witness)]))
        assert Governing(home).succeed(new)["done"] is True
    with Home.open(folder) as home:
        found = {x.epcis_event_id[9:17]: x.label for x in home.settle_outbox().settled}
        assert found == {"7a1f0c8f": "recorded", "7a1f0c9f": "not_taken:LEDGER_ENDED"}
        (again,) = home.post_document(second("7a1f0c8f"), "terminal")
        assert (again.repeated, again.status) == (True, "recorded")


def test_succession__rebuilt_from_the_beginning__the_same_index(folder: Path) -> None:
    from indexer.digest import digest
    from indexer.export import export

    with Home.open(folder) as home:
        Governing(home).succeed(bytes.fromhex(Governing(home).prepare_successor()["ledger"][2:]))
    with Home.open(folder) as home:
        home.post_document(second("7a1f0c2f"), "terminal")
        home.settle_outbox()
        live = (digest(home.engine), b"".join(export(home.engine)))
        home.engine.dispose()
        (folder / "index.sqlite").unlink()
    with Home.open(folder) as home:
        home.indexer.run_once()
        again = (digest(home.engine), b"".join(export(home.engine)))
    assert again == live


def test_succession__not_opened_to_gateways__is_not_named(folder: Path) -> None:
    from ledger.chain.succession import deploy_successor

    with Home.open(folder) as home:
        new = deploy_successor(home.chain, home.deployment, home.keyring.authority())
        with pytest.raises(InputError, match="may not record"):
            Governing(home).succeed(new)
        assert followed(home.chain, home.deployment) == home.deployment


def test_succession__to_a_contract_that_is_no_ledger__nobody_follows(folder: Path) -> None:
    with Home.open(folder) as home:
        with pytest.raises(TrustError, match="no ledger that this version knows"):
            Governing(home).succeed(home.deployment.participants)
        Authority(home.chain, home.deployment, home.keyring.authority()).succeed(home.deployment.participants)
    with Home.open(folder) as home:
        with pytest.raises(TrustError, match="no ledger that this version knows"):
            home.post_document(second("7a1f0c3f"), "terminal")
        with pytest.raises(TrustError, match="no ledger that this version knows"):
            home.indexer.run_once()


def test_succession__ledger_under_another_register__nobody_follows(folder: Path, tmp_path: Path) -> None:
    from ledger.chain.deploy import deploy
    from tests.chain_fixtures import AccountSigner

    with Home.open(folder) as home:
        foreign = deploy(home.chain, AccountSigner(77), AccountSigner(78).address)
        home.authority.succeed(foreign.ledger)
        with pytest.raises(TrustError, match="another register or access control"):
            followed(home.chain, home.deployment)
