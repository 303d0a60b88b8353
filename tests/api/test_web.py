"""The pages: who gets in, that nothing strangers wrote is run, and that they say what the ledger says."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator

import pytest
import world
from starlette.testclient import TestClient

from api.home import Home
from api.http.app import create_app
from api.web.templates import _environment
from tracer.quantity import grouped

PAGES = ["/", "/view/find?q=garment", f"/view/unit/{world.BOX}", "/view/unit/garment/SHIRT-1", "/view/book/garment-book",
         "/view/book/garment-book/explanation", "/view/book/garment-book/explanation?about=COTTON",
         "/view/unit/nothing", "/view/find?q=nothing", "/view/event/nothing"]


@pytest.fixture()
def browser(home: Home) -> Iterator[TestClient]:
    with TestClient(create_app(home), base_url="http://ledger.test", follow_redirects=False,
                    raise_server_exceptions=False) as one:
        yield one


@pytest.fixture()
def sign_in(browser: TestClient, home: Home) -> Callable[[str], TestClient]:
    def as_(participant: str) -> TestClient:
        answer = browser.post("/sign-in", data={"token": world.token(home, participant), "next": "/"})
        assert answer.status_code == 303 and answer.headers["location"] == "/"
        return browser

    return as_


def test_sign_in__good_token__cookie_that_scripts_and_other_sites_never_get(browser: TestClient, home: Home) -> None:
    answer = browser.post("/sign-in", data={"token": world.token(home, "customs"), "next": "/view/find?q=a"})
    assert answer.headers["location"] == "/view/find?q=a"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/" in cookie


def test_sign_in__bad_token__form_again_and_no_cookie(browser: TestClient) -> None:
    answer = browser.post("/sign-in", data={"token": "cl_00_zz", "next": "/"})
    assert answer.status_code == 401 and "not valid" in answer.text and "set-cookie" not in answer.headers


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "x"])
def test_sign_in__next_leads_elsewhere__start_page(browser: TestClient, home: Home, target: str) -> None:
    answer = browser.post("/sign-in", data={"token": world.token(home, "customs"), "next": target})
    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"},
                                     {"Origin": "null"}], ids=str)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-out"])
def test_forms__posted_from_another_site__refused(
    sign_in: Callable[[str], TestClient], home: Home, path: str, headers: dict[str, str]
) -> None:
    answer = sign_in("customs").post(path, data={"token": world.token(home, "rival")}, headers=headers)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers


def test_pages__bearer_token_without_cookie__sent_to_sign_in(browser: TestClient, home: Home) -> None:
    answer = browser.get("/", headers={"Authorization": f"Bearer {world.token(home, 'customs')}"})
    assert answer.status_code == 303 and answer.headers["location"] == "/sign-in"


def test_sign_out__then_asked_again__sent_to_sign_in(sign_in: Callable[[str], TestClient]) -> None:
    browser = sign_in("customs")
    assert browser.get("/").status_code == 200
    browser.post("/sign-out")
    assert browser.get(f"/view/unit/{world.BOX}").headers["location"] == f"/sign-in?next=%2Fview%2Funit%2F{world.BOX}"


@pytest.mark.parametrize("page", PAGES)
def test_pages__script_style_or_address_of_elsewhere__none(sign_in: Callable[[str], TestClient], page: str) -> None:
    answer = sign_in("customs").get(page)
    assert answer.status_code in (200, 404) and answer.headers["content-type"].startswith("text/html")
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|javascript:", answer.text, flags=re.I)
    assert not re.findall(r'(?:src|href|action)="(?!/|#)', answer.text)
    assert "script-src" not in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_unit_page__words_of_strangers__shown_as_text(sign_in: Callable[[str], TestClient]) -> None:
    browser = sign_in("customs")
    assert "picked &lt;script&gt;alert(1)&lt;/script&gt;" in browser.get(f"/view/unit/{world.BOX}").text
    assert "COTTON &lt;b&gt;cloth&lt;/b&gt;" in browser.get("/view/unit/garment/COT-1").text


def test_unit_page__held_container__do_not_release_and_the_refusal_with_its_reason(
    sign_in: Callable[[str], TestClient]
) -> None:
    text = sign_in("terminal").get(f"/view/unit/{world.BOX}").text
    assert "Do not release." in text and "Customs Ltd" in text
    assert "refused: HELD" in text and "is under hold by an authority" in text and "Ask the authority that set the hold" in text
    assert "SEAL-1" in text and "Terminal Ltd" in text


def test_unit_page__lot__lineage_with_quantities_and_findings(sign_in: Callable[[str], TestClient]) -> None:
    text = sign_in("garment").get("/view/unit/garment/COT-1").text
    assert '<svg class="lineage"' in text and f">{grouped(world.EXACT)} MTR</text>" in text and ">25 C62</text>" in text
    assert "What does not add up here" in text


@pytest.mark.parametrize(("participant", "page"), [
    ("rival", f"/view/unit/{world.BOX}"), ("rival", "/view/unit/garment/COT-1"), ("terminal", "/view/book/garment-book"),
    ("garment", "/view/unit/rival/SILK-9"), ("auditor", "/view/book/rival-book")])
def test_pages__of_others__not_found_like_anything_unknown(
    sign_in: Callable[[str], TestClient], participant: str, page: str
) -> None:
    answer = sign_in(participant).get(page)
    assert answer.status_code == 404 and "Not found" in answer.text


def test_find__one_hit__shown_at_once_and_nothing_of_others(sign_in: Callable[[str], TestClient]) -> None:
    browser = sign_in("garment")
    assert browser.get("/view/find?q=shirt-1").status_code == 303
    assert "SILK" not in browser.get("/view/find?q=rival").text
    assert browser.get(f"/view/find?q={world.BOX}").status_code == 404


def test_book_page__workbook__is_a_click_away_and_only_for_those_who_may_settle(sign_in: Callable[[str], TestClient]) -> None:
    browser = sign_in("garment")
    page = browser.get("/view/book/garment-book").text
    link = html.unescape(re.findall(r'href="(/view/book/[^"]*settlement.xlsx[^"]*)"', page)[0])
    assert browser.get(link).content.startswith(b"PK")
    assert sign_in("terminal").get(link).status_code == 404


def test_book_page__another_period__empty_forms_not_an_error(sign_in: Callable[[str], TestClient]) -> None:
    browser = sign_in("garment")
    assert f">{grouped(world.EXACT)}<" in browser.get("/view/book/garment-book").text
    assert browser.get("/view/book/garment-book?from=2026-03-03&to=2026-03-04").status_code == 200
    for days in ("from=2030-01-01&to=2030-12-31", "from=2025-01-01&to=2025-12-31"):
        outside = browser.get(f"/view/book/garment-book?{days}")
        assert outside.status_code == 400 and "lies outside book garment-book" in outside.text
    assert browser.get("/view/book/garment-book?from=2030-13-01&to=2030-12-31").status_code == 400


def test_explanation__from_the_finding_on_the_books_page__the_figure_the_event_and_the_paper(
    sign_in: Callable[[str], TestClient], home: Home,
) -> None:
    again = {**world.STORY[6][1], "eventID": world.uri("garment") + "events/issue-of-the-page"}
    again["quantityList"] = [{**again["quantityList"][0], "quantity": 9100000000000}]
    home.post_document(world.document(again), "garment")
    home.settle_outbox()
    browser = sign_in("garment")
    page = browser.get("/view/book/garment-book").text
    link = html.unescape(re.findall(r'href="(/view/book/[^"]*/explanation\?[^"]*about=L1[^"]*)"', page)[0])
    told = browser.get(link)
    assert told.status_code == 200
    assert "What is unexplained: garment/COT-1" in told.text and "NOT_ENOUGH" in told.text
    for event in set(re.findall(r'href="(/view/event/0x[0-9a-f]+)"', told.text)):
        assert browser.get(event).status_code == 200
    paper = html.unescape(re.findall(r'href="(/view/book/[^"]*explanation.pdf[^"]*)"', told.text)[0])
    assert browser.get(paper).content.startswith(b"%PDF")
    cloth = browser.get("/view/book/garment-book/explanation?about=COTTON").text
    assert "Where it went: COTTON" in cloth and "<b>cloth" not in cloth
    assert browser.get("/view/book/garment-book/explanation?about=NOPE").status_code == 404
    assert sign_in("terminal").get(link).status_code == 404
    assert sign_in("rival").get(paper).status_code == 404


@pytest.mark.parametrize(("currency", "words"), [({"currency": "USD"}, "1,200 USD"), ({}, "1,200 (currency not stated)")])
def test_findings__of_a_kept_answer__name_the_currency_or_that_none_was_kept(currency: dict[str, str], words: str) -> None:
    """Answers that were kept before findings had a currency are still shown."""
    finding = {"rule": "B2", "title": "", "subject": {"id": "FAB"}, "severity": "high", "explanation": "", "expected": None, "observed": None,
               "difference": None, "uom": "", "duty_at_risk": "1200", "evidence": [], **currency}
    page = _environment.from_string('{% import "parts.html" as parts %}{{ parts.findings(items, "") }}').render(items=[finding])
    assert f"<span>duty at risk</span> {words}" in page
