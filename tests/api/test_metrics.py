"""Metrics and logs of a serving process: as documented, for whom they are meant, and silent about content."""

from __future__ import annotations

import io
import json
import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import world
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from api.home import Home
from api.http.node import create_node_app
from api.http.server import Worker
from api.logs import JsonLines, LogFormat, blacked, set_up
from api.metrics import Metrics, NodeState
from ledger.chain.embedded.jsonrpc import JsonRpc, RpcLimits
from ledger.chain.embedded.rpc_methods import Methods
from ledger.errors import InvariantError, UnavailableError

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "metrics.md").read_text("utf-8")
OF_NETWORKS = {"cargoledger_endpoint_up", "cargoledger_endpoint_lag_blocks", "cargoledger_endpoint_error_ratio"}


@pytest.fixture
def token(home: Home) -> dict[str, str]:
    text, _ = home.issue_token("customs", label="prometheus", valid_s=1000, scopes=frozenset({"metrics"}))
    return {"Authorization": f"Bearer {text}"}


def samples(text: str) -> dict[str, float]:
    """Value of each sample, by its name with labels."""
    return {sample.name + "".join(f" {k}={v}" for k, v in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


def names(text: str) -> set[str]:
    """Names that the text declares, as people write them: counters with _total, an info with _info."""
    kinds = dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, flags=re.M))
    return {name for name in kinds if not name.endswith("_created")}


def documented(*places: str) -> set[str]:
    rows = re.findall(r"^\| `(\w+)` \| [^|]*\| (\w+) \|", DOCUMENT, flags=re.M)
    assert len(rows) > 20
    return {name for name, place in rows if place in places}


def test_metrics__of_a_server__those_of_the_document(client: TestClient, token: dict[str, str]) -> None:
    answer = client.get("/metrics", headers=token)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert names(answer.text) == (
        documented("server", "both") | {"cargoledger_node_requests_total"}) - OF_NETWORKS


def test_metrics__values__how_the_home_stands(home: Home, client: TestClient, token: dict[str, str]) -> None:
    home.settle_outbox()
    found = samples(client.get("/metrics", headers=token).text)
    head = home.chain.header(home.chain.head_number())
    assert head is not None
    assert found["cargoledger_ledger_head_block"] == found["cargoledger_index_block"] == head.number
    assert found["cargoledger_ledger_head_age_seconds"] == home.clock() - head.timestamp
    assert (found["cargoledger_index_lag_blocks"], found["cargoledger_index_lag_seconds"]) == (0, 0)
    assert found["cargoledger_outbox_events"] == 0
    assert found["cargoledger_payloads status=open"] > 5
    assert found["cargoledger_degraded"] == 0


def test_metrics__index_behind_and_payload_gone__shown(home: Home, client: TestClient, token: dict[str, str]) -> None:
    try:
        with home.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE cursor SET block_number = block_number - 3")
            event = connection.exec_driver_sql("SELECT min(event_id) FROM payload").scalar()
            connection.exec_driver_sql("UPDATE payload SET status='mismatch', fault='NOT_SIGNED: x' WHERE event_id=?", (event,))
        home.fault = UnavailableError("away")
        found = samples(client.get("/metrics", headers=token).text)
        assert found["cargoledger_index_lag_blocks"] == 3
        assert found["cargoledger_index_lag_seconds"] > 0
        assert found["cargoledger_payload_faults fault=NOT_SIGNED"] == 1
        assert found["cargoledger_degraded"] == 1
    finally:
        home.fault = None
        with home.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE cursor SET block_number = block_number + 3")
            connection.exec_driver_sql("UPDATE payload SET status='open', fault=NULL WHERE event_id=?", (event,))


def test_metrics__token_that_may_ask_or_none__refused(client: TestClient, headers: Callable[[str], dict[str, str]],
                                                      token: dict[str, str]) -> None:
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers=headers("customs")).status_code == 401
    assert client.get("/events", headers=token).status_code == 401
    assert client.post("/capture", headers=token, content=b"{}").status_code == 401


def test_metrics__rounds_faults_and_answers__counted(home: Home, client: TestClient, token: dict[str, str],
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    before = samples(client.get("/metrics", headers=token).text)
    stop, rounds = threading.Event(), []

    def away() -> None:
        rounds.append(1)
        stop.set()
        raise UnavailableError("the ledger is away.")

    monkeypatch.setattr(home, "settle_outbox", away)
    worker = Worker(home)
    worker.start()
    assert stop.wait(20)
    worker.stop()
    home.fault = None
    monkeypatch.undo()
    client.get("/units/none")
    after = samples(client.get("/metrics", headers=token).text)
    assert after["cargoledger_retries_total"] - before["cargoledger_retries_total"] == len(rounds)
    assert after[f"cargoledger_faults_total code={UnavailableError.code}"] == len(rounds)
    assert after["cargoledger_http_responses_total status=401"] == before.get("cargoledger_http_responses_total status=401", 0) + 1


def test_metrics__of_events_recorded__rows_and_outcomes_counted(told: Path) -> None:
    """A fresh index of the same home: every block, event and row of it passes the counters."""
    with Home.open(told, seed=world.SEED, clock=world.Clock(world.START_S + 86_400)) as home:
        from indexer.database import open_engine

        fresh = home.indexer.beside(open_engine("sqlite://"))
        counts = Metrics()

        class Settling:
            settled = ()
            progress = fresh.run_once()

        counts.round(Settling(), 0.2)  # type: ignore[arg-type]
        found = samples(counts.text().decode())
        assert found["cargoledger_index_events_total"] == Settling.progress.events > 5
        assert found["cargoledger_index_rows_total"] > 3 * found["cargoledger_index_events_total"]
        assert found["cargoledger_index_payloads_opened_total"] > 5
        assert found["cargoledger_round_seconds_count"] == 1


def test_metrics__of_a_node__those_of_the_document_and_only_under_its_name(home: Home) -> None:
    counts = Metrics()
    counts.watch("node", NodeState(home.chain, home.clock))
    rpc = JsonRpc(Methods(home.chain, "x"), on_answer=lambda method, well: counts.requests.labels(  # type: ignore[arg-type]
        method or "other", "result" if well else "error").inc())
    app = create_node_app(rpc, ["localhost"], RpcLimits(), counts)
    with TestClient(app, base_url="http://localhost") as node:
        for method in ("eth_chainId", "eth_chainId", "evil\nname"):
            node.post("/", json={"jsonrpc": "2.0", "id": 1, "method": method})
        answer = node.get("/metrics")
        assert node.get("/metrics", headers={"Host": "evil.example"}).status_code == 403
    found = samples(answer.text)
    assert found["cargoledger_node_requests_total method=eth_chainId result=result"] == 2
    assert found["cargoledger_node_requests_total method=other result=error"] == 1
    assert found["cargoledger_ledger_head_block"] == home.chain.head_number()
    assert documented("node", "both") <= names(answer.text)


def test_metrics__of_several_nodes__each_by_its_place_and_no_address() -> None:
    from types import SimpleNamespace

    from api.metrics import HomeState
    from ledger.chain.endpoints import Endpoints

    chain = Endpoints(("http://user:secret@127.0.0.1:1", "http://127.0.0.1:2"))
    found = list(HomeState(SimpleNamespace(chain=chain))._endpoints())  # type: ignore[arg-type]
    chain.close()
    assert {family.name for family in found} == OF_NETWORKS
    assert [s.labels for family in found[:1] for s in family.samples] == [{"endpoint": "0"}, {"endpoint": "1"}]
    assert "secret" not in str(found)


def test_alerts__metrics_that_they_ask_for__exist() -> None:
    text = (ROOT / "docs" / "alerts.example.yml").read_text("utf-8")
    rules = re.findall(r"- alert: (\w+)\n        expr: (.+)\n(?:        for: \w+\n)?        annotations: \{summary: \".+\"\}\n", text)
    assert len(rules) == text.count("alert:") > 6
    asked = {name for _, expression in rules for name in re.findall(r"cargoledger_\w+", expression)}
    assert asked <= documented("server", "both", "node"), asked
    assert all(re.search(r"(==|>|<) *\d", expression) for _, expression in rules)


# logs


@pytest.fixture
def lines() -> Callable[[], list[dict[str, object]]]:
    stream = io.StringIO()
    before = (list(logging.root.handlers), logging.root.level)
    set_up(LogFormat.JSON, stream)
    logging.root.setLevel(logging.DEBUG)
    for name in ("cargoledger", "ledger", "indexer", "api"):
        logging.getLogger(name).setLevel(logging.DEBUG)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]  # type: ignore[misc]
    logging.root.handlers[:], logging.root.level = before


def test_logs__a_story_told_indexed_and_asked_about__nothing_secret_and_nothing_of_payloads(
        lines: Callable[[], list[dict[str, object]]], tmp_path: Path) -> None:
    home = world.build(tmp_path / "home")
    worker = Worker(home)
    worker.start()
    home.wake()
    text = world.token(home, "customs")
    from api.http.app import create_app

    with TestClient(create_app(home), base_url="http://ledger.test", raise_server_exceptions=False) as client:
        client.get("/units/CSQU3054383", headers={"Authorization": f"Bearer {text}"})
        client.app.state.home = None  # type: ignore[attr-defined]
        client.get("/units/CSQU3054383", headers={"Authorization": f"Bearer {text}"})
    worker.stop()
    told = [line for line in lines() if not str(line["logger"]).startswith(("httpx", "httpcore"))]  # the one who asks
    assert any(line["message"] == "a request failed" for line in told), "something was logged, or nothing is proven"
    whole = json.dumps(told, ensure_ascii=False)
    secrets = [path.read_text("utf-8").strip() for path in (home.path / "keys").rglob("*.key")]
    secrets += [text, home.keyring.network_secret().hex()]
    assert len(secrets) > 5
    with home.engine.connect() as connection:
        documents = [json.loads(d) for (d,) in connection.exec_driver_sql("SELECT document FROM payload WHERE document IS NOT NULL")]
        numbers = {n for (n,) in connection.exec_driver_sql("SELECT number FROM unit_name") if len(n) > 4}
        numbers |= {d for (d,) in connection.exec_driver_sql("SELECT description FROM material") if d}
    home.close()
    assert documents
    assert len(numbers) > 3
    for secret in [*secrets, *numbers, *(str(d["eventID"]) for d in documents)]:
        assert secret not in whole, secret


def test_logs__json__fields_beside_the_message(lines: Callable[[], list[dict[str, object]]]) -> None:
    logging.getLogger("cargoledger.server").warning("waiting", extra={"code": "CL-X-001", "fault": "away"})
    [line] = lines()
    assert (line["level"], line["logger"], line["message"], line["code"], line["fault"]) == (
        "warning", "cargoledger.server", "waiting", "CL-X-001", "away")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", str(line["time"]))


def test_logs__exception__where_but_not_what_it_quotes(lines: Callable[[], list[dict[str, object]]]) -> None:
    log = logging.getLogger("cargoledger.http")
    for fault in (ValueError("CSQU3054383 is wrong"), InvariantError("the index failed.")):
        try:
            raise fault
        except Exception as raised:
            log.error("a request failed", exc_info=raised)
    foreign, own = lines()
    assert "CSQU3054383" not in json.dumps(foreign)
    assert foreign["exception"][0] == "ValueError"  # type: ignore[index]
    assert "test_metrics.py" in foreign["exception"][1]  # type: ignore[index]
    assert own["exception"][0] == f"InvariantError {InvariantError.code} the index failed."  # type: ignore[index]


@pytest.mark.parametrize(("line", "left"), [
    ("http://user:pass@node.example:8545 is away", "http://***@node.example:8545 is away"),
    ("Authorization: Bearer clt_abc_def ends", "Authorization: Bearer *** ends"),
    ("token=clt_abc", "token=***"),
    ("who sent cl_67d4aa96512d1f0f_AKSSHVqxI-lE here", "who sent *** here"),
    ("nothing to hide", "nothing to hide")])
def test_logs__credentials__blacked_out(line: str, left: str) -> None:
    assert blacked(line) == left
    record = logging.makeLogRecord({"msg": line, "levelname": "INFO", "name": "x"})
    assert json.loads(JsonLines().format(record))["message"] == left


def test_serving__log_format_json__lines_of_json_on_standard_error(told: Path, tmp_path: Path) -> None:
    import shutil
    import signal
    import subprocess
    import sys

    home = Path(shutil.copytree(told, tmp_path / "home"))
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli.main", "up", "--port", "0", "--log-format", "json", "--home", str(home), "--json"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = ""
    while not first.rstrip().endswith("}"):
        first += process.stdout.readline()
    assert httpx.get(json.loads(first)["url"] + "/metrics", timeout=30).status_code == 401
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert json.loads(err.splitlines()[0])["message"] == "serving"
