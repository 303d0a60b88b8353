"""The pages in a real browser, as a gate clerk uses them: on a phone, with a token, by typing a container number."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import chromium
import pytest
import uvicorn
import world

from api.home import Home
from api.http.app import create_app
from api.http.server import bind

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(chromium.find() is None, reason="chromium is not installed: apt-get install chromium"),
]


@pytest.fixture(scope="module")
def address(home: Home) -> Iterator[str]:
    sockets, url = bind("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(create_app(home), log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": sockets})
    thread.start()
    try:
        yield url
    finally:
        server.should_exit = True
        thread.join()
        for one in sockets:
            one.close()


def signed_in(browser: chromium.Browser, address: str, token: str) -> None:
    browser.open(address + "/")
    assert "/sign-in" in str(browser.run("location.href"))
    browser.run(f"document.getElementById('token').value = {token!r}")
    browser.submit("document.querySelector('main form').submit()")


def faults(browser: chromium.Browser) -> list[str]:
    return [line for line in browser.complaints() if "recommendation" not in line]


def test_gate_clerk__on_a_phone__finds_the_container_and_sees_that_it_is_held(address: str, home: Home, tmp_path: Path) -> None:
    with chromium.Browser() as browser:
        browser.size(390, 844, phone=True)
        signed_in(browser, address, world.token(home, "terminal"))
        browser.run(f"document.querySelector('input[name=q]').value = '{world.BOX}'")
        browser.submit("document.querySelector('form.find').submit()")
        text = browser.text()
        assert world.BOX in text and "Do not release." in text and "refused: HELD" in text
        assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        colours = browser.run("getComputedStyle(document.querySelector('.notice.bad')).color")
        assert colours == "rgb(168, 32, 26)"  # the style sheet was allowed and the refusal is red
        browser.screenshot(tmp_path / "unit.png")
        assert not faults(browser)


def test_lineage__in_the_dark__drawn_with_visible_text(address: str, home: Home) -> None:
    with chromium.Browser(dark=True) as browser:
        signed_in(browser, address, world.token(home, "garment"))
        browser.open(address + "/view/unit/garment/COT-1")
        assert browser.run("document.querySelectorAll('svg.lineage .box').length") >= 4
        ink = browser.run("getComputedStyle(document.querySelector('svg .quantity')).fill")
        paper = browser.run("getComputedStyle(document.querySelector('svg .plate')).fill")
        assert ink == "rgb(232, 234, 236)" and ink != paper
        browser.submit("document.querySelector('svg.lineage a').dispatchEvent(new MouseEvent('click', {bubbles: true}))")
        assert "/view/" in str(browser.run("location.href"))
        assert not faults(browser)


def test_script__smuggled_into_a_reason__never_runs(address: str, home: Home) -> None:
    with chromium.Browser() as browser:
        signed_in(browser, address, world.token(home, "customs"))
        browser.open(address + f"/view/unit/{world.BOX}")
        assert "<script>alert(1)</script>" in browser.text()
        assert browser.run("document.scripts.length") == 0
        assert browser.run("document.cookie") == ""  # HttpOnly


def test_explanation__on_a_phone_and_a_desk__fits_and_leads_to_the_event(address: str, home: Home) -> None:
    with chromium.Browser() as browser:
        browser.size(390, 844, phone=True)
        signed_in(browser, address, world.token(home, "garment"))
        browser.open(address + "/view/book/garment-book/explanation?about=COTTON")
        assert "Where it went: COTTON" in browser.text() and "here is the store alone" in browser.text()
        for width in (390, 1200):
            browser.size(width, 844, phone=width < 500)
            assert browser.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        browser.submit("document.querySelector('section.explanation table a').click()")
        assert "/view/event/0x" in str(browser.run("location.href")) and "COT-1" in browser.text()
        assert not faults(browser)
