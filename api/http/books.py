"""GET routes about a book as a whole: settlement, check, and papers of them as files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from api.http.deps import ExactJSON, HomeDep, ReaderDep, SessionDep, TracedDep
from api.views.books import Ask, check_view, settlement_view
from api.views.explaining import explain_view
from api.views.open_lots import open_lots_view
from tracer.papers.kinds import explained_pdf, paper_kind, pdf_of
from tracer.papers.particulars import PARTICULARS
from tracer.policy import Policy
from tracer.settlement.workbook import workbook

PDF_TYPE = "application/pdf"
WORKBOOK_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PaperName = Literal["settlement", "exemption", "discharge", "drawback"]
router = APIRouter()


def policy_of(
    allocation: Annotated[str, Query(
        max_length=40, description="policy for import lines, see docs/formats/settlement.md")] = "",
    yield_basis: Annotated[str, Query(
        max_length=40, description="how products account for their materials")] = "",
    turnover_days: Annotated[int | None, Query(
        ge=1, le=100_000, description="average inventory turn-over period, for LOW_TO_HIGH_TURNOVER")] = None,
) -> Policy:
    """How a book is settled where the ledger does not say."""
    return Policy(allocation, yield_basis, turnover_days)


def given_of(
    authorisation: Annotated[str, Query(
        max_length=120, description=PARTICULARS["authorisation"])] = "",
    holder_id: Annotated[str, Query(max_length=120, description=PARTICULARS["holder_id"])] = "",
    office: Annotated[str, Query(max_length=120, description=PARTICULARS["office"])] = "",
    discharge_months: Annotated[str, Query(
        max_length=4, description=PARTICULARS["discharge_months"])] = "",
    claimant_id: Annotated[str, Query(max_length=120, description=PARTICULARS["claimant_id"])] = "",
    *,
    ruling: Annotated[str, Query(max_length=120, description=PARTICULARS["ruling"])] = "",
    claim: Annotated[str, Query(max_length=120, description=PARTICULARS["claim"])] = "",
) -> dict[str, str]:
    """What a paper needs that no event says."""
    return {"authorisation": authorisation, "holder_id": holder_id, "office": office,
            "discharge_months": discharge_months, "claimant_id": claimant_id, "ruling": ruling,
            "claim": claim}


def book_of(book_id: Annotated[str, Path(max_length=300)], home: HomeDep, reader: ReaderDep, *,
            session: SessionDep, question: TracedDep, policy: Annotated[Policy, Depends(policy_of)]) -> Ask:
    """A question about a book, without its days."""
    return Ask(home, session, book_id, reader=reader, policy=policy, when=question.when,
               then=question.session)


def period_asked(
    ask: Annotated[Ask, Depends(book_of)],
    from_: Annotated[str, Query(alias="from", max_length=10, description="first day, YYYY-MM-DD")],
    to: Annotated[str, Query(max_length=10, description="last day, YYYY-MM-DD")],
) -> Ask:
    """A question about a book in the days named."""
    return ask.during(from_, to)


def period_or_year(
    ask: Annotated[Ask, Depends(book_of)],
    from_: Annotated[str, Query(
        alias="from", max_length=10, description="first day, YYYY-MM-DD; else the year of the latest event",
    )] = "",
    to: Annotated[str, Query(max_length=10, description="last day, YYYY-MM-DD")] = "",
) -> Ask:
    """A question about a book; without days, of the year of its latest event."""
    return ask.during(from_, to)


PeriodDep = Annotated[Ask, Depends(period_asked)]
YearDep = Annotated[Ask, Depends(period_or_year)]
GivenDep = Annotated[dict[str, str], Depends(given_of)]


@router.get(
    "/books/{book_id}/settlement", tags=["books"], summary="Settlement of a book", response_class=ExactJSON
)
def get_settlement(ask: PeriodDep, given: GivenDep, paper: PaperName = "settlement") -> Response:
    """Forms 15, 15a and 16 of a period, the exemption statement, and what does not add up.

    `paper=discharge` adds a bill of discharge (EU, UK), `paper=drawback` abstract and schedule (US).
    """
    return ExactJSON(settlement_view(ask, paper_kind(paper), given))


@router.get(
    "/books/{book_id}/settlement.xlsx", tags=["books"], summary="A paper of a book as a workbook",
    response_class=Response, responses={200: {"content": {WORKBOOK_TYPE: {}}}},
)
def get_workbook(ask: PeriodDep, given: GivenDep, paper: PaperName = "settlement") -> Response:
    """Forms 15, 15a and 16 as they are filed, the statement, and for every figure the events behind it."""
    return workbook_answer(ask, paper, given)


@router.get(
    "/books/{book_id}/settlement.pdf", tags=["books"], summary="A paper of a book as PDF",
    response_class=Response, responses={200: {"content": {PDF_TYPE: {}}}},
)
def get_pdf(ask: PeriodDep, given: GivenDep, paper: PaperName = "settlement") -> Response:
    """The same figures on paper, to hand over."""
    return pdf_answer(ask, paper, given)


@router.get("/books/{book_id}/check", tags=["books"], summary="What the rules say of a book",
            response_class=ExactJSON)
def get_check(ask: YearDep) -> Response:
    """Findings, what could not be judged and why, and how much each rule looked at."""
    return ExactJSON(check_view(ask))


@router.get("/books/{book_id}/open-lots", tags=["books"], summary="Lots of which something is left",
            response_class=ExactJSON)
def get_open_lots(ask: YearDep) -> Response:
    """Open chains: what is left of each lot and when it was last touched, those that rest longest first."""
    return ExactJSON(open_lots_view(ask))


About = Annotated[str, Query(
    max_length=300, description="a finding (B6:FABRIC), a rule, a material, product, lot or declaration "
    "line; without it everything of which a quantity is unexplained")]


@router.get("/books/{book_id}/explanations", tags=["books"], summary="What is unexplained, with its evidence",
            response_class=ExactJSON)
def get_explanations(ask: YearDep, about: About = "") -> Response:
    """One page for each: what came in, where it went, what is short, duty, events."""
    return ExactJSON(explain_view(ask, about)[0])


@router.get(
    "/books/{book_id}/explanations.pdf", tags=["books"], summary="What is unexplained, as PDF",
    response_class=Response, responses={200: {"content": {PDF_TYPE: {}}}},
)
def get_explanations_pdf(ask: YearDep, about: About = "") -> Response:
    """The same on paper."""
    return explanation_answer(ask, about)


def explanation_answer(ask: Ask, about: str) -> Response:
    """Explanations as PDF to keep."""
    document, report = explain_view(ask, about)
    return _file("explanation", document, "pdf", explained_pdf(document, report), PDF_TYPE)


def workbook_answer(ask: Ask, paper: str, given: Mapping[str, str]) -> Response:
    """A paper as a workbook to keep."""
    kind = paper_kind(paper)
    view = settlement_view(ask, kind, given)
    return _file(kind.name, view, "xlsx",
                 workbook(kind.document(view), view["report"], kind.sheets), WORKBOOK_TYPE)


def pdf_answer(ask: Ask, paper: str, given: Mapping[str, str]) -> Response:
    """A paper as PDF to keep."""
    kind = paper_kind(paper)
    view = settlement_view(ask, kind, given)
    return _file(kind.name, view, "pdf", pdf_of(kind, view, view["report"]), PDF_TYPE)


def _file(name: str, view: dict[str, Any], ending: str, content: bytes, media_type: str) -> Response:
    name = f"{name}-{view['period']['from']}-{view['period']['to']}.{ending}"
    return Response(content, media_type=media_type,
                    headers={"Content-Disposition": f'attachment; filename="{name}"'})
