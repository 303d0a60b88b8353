"""The time release study over HTTP: of the units that the caller may see."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.http.deps import ExactJSON
from api.http.findings import SightDep
from api.views.releasing import release_view
from ledger.errors import InputError
from tracer.release.study import SPLITS

router = APIRouter(tags=["units"])


@router.get("/release-study", summary="How long release takes", response_class=ExactJSON)
def get_release_study(
    sight: SightDep,
    *,
    from_: Annotated[str, Query(alias="from", max_length=10, description="first day of arrival, YYYY-MM-DD")],
    to: Annotated[str, Query(max_length=10, description="last day of arrival, YYYY-MM-DD")],
    by: Annotated[
        str, Query(max_length=20, description=", ".join(SPLITS))] = "",
    limit_hours: Annotated[
        int | None, Query(ge=0, le=1_000_000, description="service limit from arrival to gate")] = None,
    against_from: Annotated[str, Query(max_length=10, description="first day of an earlier period")] = "",
    against_to: Annotated[str, Query(max_length=10, description="last day of an earlier period")] = "",
) -> Response:
    """Gap by gap, split, what is still waiting, and whether it was longer in an earlier period."""
    if bool(against_from) != bool(against_to):
        raise InputError("an earlier period is two days.", remedy="Give against_from and against_to.",
                         pointer="/against_from")
    return ExactJSON(release_view(
        sight, from_, to, by=by, limit_hours=limit_hours,
        against=(against_from, against_to) if against_from else None))
