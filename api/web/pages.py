"""The pages: sign in with a token, find a unit, see its history and lineage, settle a book. No script.

The cookie holds the token itself (HttpOnly, SameSite=Strict) and opens pages only, never the programming
interface. Posting forms is limited to this origin twice over: by the cookie, and by the Origin that a browser
sends along.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Depends, FastAPI, Query, Request
from sqlmodel import col
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.staticfiles import StaticFiles

from api.http.books import GivenDep, book_of, explanation_answer, pdf_answer, workbook_answer
from api.http.deps import HomeDep, ReaderDep, SessionDep
from api.http.gate import COOKIE, is_page
from api.http.kept import RunPath
from api.views.books import Ask, book_entry, book_view, books_for, findings_about
from api.views.events import event_rows, event_view
from api.views.explaining import explain_view
from api.views.findings import Sight
from api.views.lineage import lineage_drawing
from api.views.releasing import OFFSET, release_view
from api.views.risk import risk_view
from api.views.runs import run_page, runs_view
from api.views.units import search, unit_view
from api.views.ways import note_looks
from api.web.templates import render
from indexer.lookups import Reader, events_page
from indexer.models import Event
from indexer.queries import position
from ledger.errors import AuthenticationError, InputError, NotFoundError
from tracer.moment import iso_day
from tracer.release.study import SPLITS

if TYPE_CHECKING:
    from sqlmodel import Session

    from api.home import Home

FOLDER = Path(__file__).parent
COOKIE_LIFE_S = 12 * 3600  # a working day; then sign in again
LATEST_ROWS = 8
TIMELINE_ROWS = 200
router = APIRouter(include_in_schema=False)

Text = Annotated[str, Query(max_length=300)]
First = Annotated[str, Query(alias="from", max_length=10)]
Last = Annotated[str, Query(max_length=10)]
BookDep = Annotated[Ask, Depends(book_of)]


def install(app: FastAPI) -> None:
    """Put pages and their static files into the app."""
    app.include_router(router)
    app.state.problem_page = problem_page
    app.mount("/static", StaticFiles(directory=FOLDER / "static"), name="static")


@router.get("/sign-in")
def sign_in_form(
    request: Request,
    home: HomeDep,
    next_: Annotated[str, Query(alias="next", max_length=600)] = "/",
) -> Response:
    """The form that asks for a token."""
    return _page(request, home, "sign_in.html", next=_local(next_), fault="")


@router.post("/sign-in")
async def sign_in(request: Request, home: HomeDep) -> Response:
    """Check the token; on success the browser keeps it in a cookie."""
    _same_origin(request)
    form = await request.form(max_files=0, max_fields=4)
    token, target = _field(form, "token").strip(), _local(_field(form, "next"))
    try:
        home.caller_of_token(token)
    except AuthenticationError:
        return _page(
            request,
            home,
            "sign_in.html",
            401,
            next=target,
            fault="This token is not valid, or has ended. Ask the operator for a new one.",
        )
    answer = RedirectResponse(target, 303)
    answer.set_cookie(
        COOKIE,
        token,
        max_age=COOKIE_LIFE_S,
        httponly=True,
        samesite="strict",
        path="/",
        secure=request.url.scheme == "https",
    )
    return answer


@router.post("/sign-out")
def sign_out(request: Request) -> Response:
    """Forget the token."""
    _same_origin(request)
    answer = RedirectResponse("/sign-in", 303)
    answer.delete_cookie(
        COOKIE, path="/", httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return answer


@router.get("/")
def start(request: Request, home: HomeDep, reader: ReaderDep, session: SessionDep) -> Response:
    """Search, the books, and what happened and was refused lately."""
    latest = _latest(session, home, reader, refused=False)
    examples: dict[str, Any] = {}
    for row in latest:
        for unit in row["units"]:
            if unit["type"] and len(examples) < 4:
                examples.setdefault(unit["unit"], unit)
    return _page(
        request,
        home,
        "home.html",
        session=session,
        latest=latest,
        examples=list(examples.values()),
        refused=_latest(session, home, reader, refused=True),
        books=books_for(home, reader),
    )


@router.get("/view/find")
def find(request: Request, home: HomeDep, reader: ReaderDep, session: SessionDep, q: Text = "") -> Response:
    """Units that were meant; a single one is shown at once."""
    rows = search(session, home.directory, reader, q)
    if len(rows) == 1:
        return RedirectResponse(f"/view/unit/{rows[0]['unit']}", 303)
    if not rows and q.strip():
        try:
            event = event_view(session, home.directory, reader, q.strip())
            return RedirectResponse(f"/view/event/{event['eventId']}", 303)
        except (NotFoundError, InputError):
            pass
    return _page(request, home, "results.html", 200 if rows else 404, session=session, q=q, rows=rows)


@router.get("/view/unit/{unit_id:path}")
def unit(request: Request, home: HomeDep, reader: ReaderDep, session: SessionDep, unit_id: str) -> Response:
    """A unit: state, lineage, findings, history with the latest on top."""
    view = unit_view(session, home.directory, reader, unit_id, now_s=home.clock(), limit=TIMELINE_ROWS)
    note_looks(home, reader, view["timeline"], request.url.path)
    view["timeline"].reverse()
    drawing, sealed, findings, can_settle = "", False, None, False
    if view["lot"] or view["line"]:
        drawing, sealed = lineage_drawing(session, home, reader, view["unit"])
    if view["lot"]:
        book = view["lot"]["book"]
        can_settle = any(b["id"] == book["id"] for b in books_for(home, reader))
        if can_settle:
            findings = findings_about(Ask(home, session, book["id"], reader=reader), view)
    return _page(
        request,
        home,
        "unit.html",
        session=session,
        u=view,
        drawing=drawing,
        sealed=sealed,
        findings=findings,
        can_settle=can_settle,
    )


@router.get("/view/event/{event_id:path}")
def event(request: Request, home: HomeDep, reader: ReaderDep, session: SessionDep, event_id: str) -> Response:
    """An event with its content."""
    view = event_view(session, home.directory, reader, event_id)
    note_looks(home, reader, [view], request.url.path)
    return _page(request, home, "event.html", session=session, e=view)


@router.get("/view/book/{book_id}")
def book(request: Request, home: HomeDep, session: SessionDep, ask: BookDep, *, from_: First = "",
         to: Last = "") -> Response:
    """The settlement of a book and what does not add up."""
    kept = runs_view(home, session, ask.reader, ask.book)
    return _page(request, home, "book.html", session=session, b=book_view(ask.during(from_, to)),
                 kept=kept["runs"], unanswered=[one for one in kept["kept"] if one["fault"]])


@router.get("/view/risk")
def risk(request: Request, home: HomeDep, reader: ReaderDep, session: SessionDep) -> Response:
    """Where to look first, and why, as far as the caller may see."""
    return _page(request, home, "risk.html", session=session, r=risk_view(Sight(home, session, reader)))


@router.get("/view/release")
def release(
    request: Request, home: HomeDep, reader: ReaderDep, session: SessionDep, *,
    from_: Annotated[str, Query(alias="from", max_length=10)] = "",
    to: Annotated[str, Query(max_length=10)] = "",
    by: Annotated[str, Query(max_length=20)] = "",
) -> Response:
    """How long goods wait between arrival and gate, of the units that the caller may see."""
    here = position(session)
    year = iso_day(here.timestamp * 1000, OFFSET)[:4] if here else "2026"
    first, last = from_ or f"{year}-01-01", to or f"{year}-12-31"
    view = release_view(Sight(home, session, reader), first, last, by=by)
    return _page(request, home, "release.html", session=session, s=view, by=by, splits=SPLITS)


@router.get("/view/run/{number}")
def run(
    request: Request, home: HomeDep, reader: ReaderDep, session: SessionDep,
    number: RunPath,
) -> Response:
    """A settlement as it was given, and what it changed."""
    return _page(request, home, "run.html", session=session, b=run_page(home, session, reader, number))


@router.get("/view/book/{book_id}/settlement.xlsx")
def book_workbook(ask: BookDep, given: GivenDep, *, from_: First, to: Last, paper: Text = "settlement"
                  ) -> Response:
    """A paper of a book as a workbook."""
    return workbook_answer(ask.during(from_, to), paper, given)


@router.get("/view/book/{book_id}/settlement.pdf")
def book_pdf(ask: BookDep, given: GivenDep, *, from_: First, to: Last, paper: Text = "settlement"
             ) -> Response:
    """A paper of a book as PDF."""
    return pdf_answer(ask.during(from_, to), paper, given)


@router.get("/view/book/{book_id}/explanation")
def book_explanation(request: Request, home: HomeDep, session: SessionDep, ask: BookDep, *, from_: First = "",
                     to: Last = "", about: Text = "") -> Response:
    """What is unexplained, or about one thing where it went."""
    asked = ask.during(from_, to)
    asked = asked.during(*asked.named_days())
    document, _ = explain_view(asked, about)
    return _page(request, home, "explanation.html", session=session, x=document, about=about,
                 b=book_entry(asked), query=asked.query())


@router.get("/view/book/{book_id}/explanation.pdf")
def book_explanation_pdf(ask: BookDep, *, from_: First = "", to: Last = "", about: Text = "") -> Response:
    """The same as PDF."""
    return explanation_answer(ask.during(from_, to), about)


def problem_page(request: Request, body: dict[str, Any]) -> Response | None:
    """An error as a page; None where the address is not a page."""
    if not is_page(request.url.path) or request.url.path.startswith("/static/"):
        return None
    home: Home = request.app.state.home
    return _page(
        request,
        home,
        "problem.html",
        int(body["status"]),
        title=body["title"],
        detail=body["detail"][:1].upper() + body["detail"][1:],
        remedy=body.get("remedy", ""),
        code=body["code"],
    )


def _page(
    request: Request,
    home: Home,
    template: str,
    status: int = 200,
    session: Session | None = None,
    **values: Any,
) -> Response:
    return HTMLResponse(
        render(
            template,
            caller=getattr(request.state, "caller", None),
            ledger=home.settings.name,
            position=position(session) if session is not None else None,
            q=values.pop("q", ""),
            **values,
        ),
        status,
    )


def _latest(session: Session, home: Home, reader: Reader, *, refused: bool) -> list[dict[str, Any]]:
    condition = col(Event.outcome) >= 100 if refused else col(Event.outcome) < 100
    page = events_page(session, reader, [condition], limit=LATEST_ROWS, latest=True)
    return event_rows(session, home.directory, reader, page.events)


def _local(target: str) -> str:
    """A path of this server to go on to; anything that could lead elsewhere becomes the start page."""
    parts = urlsplit(target)
    good = (
        not parts.scheme
        and not parts.netloc
        and target.startswith("/")
        and not target.startswith(("//", "/\\"))
    )
    return quote(target, safe="/?=&%:.-_~+") if good and "\\" not in target else "/"


def _same_origin(request: Request) -> None:
    """Refuse a form that another site made a browser post."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if site not in (None, "same-origin", "none"):
        raise HTTPException(403, "this form was not sent from a page of this server.")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "this form was not sent from a page of this server.")


def _field(form: FormData, name: str) -> str:
    value = form.get(name)
    return value if isinstance(value, str) else ""
