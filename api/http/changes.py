"""GET /changes: the change feed, with long polling."""

from __future__ import annotations

import time
from typing import Annotated

import anyio
from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.http.deps import ExactJSON, HomeDep, ReaderDep, SessionDep
from indexer.feed import PAGE_MAX, FeedPage, changes_after

WAIT_S_MAX = 30
_POLL_S = 0.25
router = APIRouter()


@router.get("/changes", tags=["changes"], summary="What changed, in order", response_class=ExactJSON)
async def get_changes(
    home: HomeDep,
    reader: ReaderDep,
    session: SessionDep,
    *,
    after: Annotated[
        str | None,
        Query(max_length=40, description="cursor of the last answer; `now` for what comes; none for all"),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX, description="changes looked at for this answer")] = 500,
    wait: Annotated[
        int, Query(ge=0, le=WAIT_S_MAX, description="seconds to hold the answer until there is something")
    ] = 0,
) -> Response:
    """Changes of rows that the caller may read, in the order of commits. docs/feed.md is the contract."""
    session.close()  # nothing of the index is held while waiting

    def page(cursor: str | None) -> FeedPage:
        with home.session() as own:
            return changes_after(own, reader, cursor, limit=limit)

    give_up = time.monotonic() + wait
    found = await run_in_threadpool(page, after)
    while not found.changes and time.monotonic() < give_up:
        if not found.more:
            await anyio.sleep(_POLL_S)
        found = await run_in_threadpool(page, found.cursor)
    return ExactJSON(found.to_json())
