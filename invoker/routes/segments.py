"""GET /segments and /segments/{name}/customers: the segments of a run_date, and who is in one."""

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Path, Query, Response

from invoker.answers import SegmentList, SegmentPage, member, segment_list
from invoker.auth import Reading
from invoker.routes.results import ForRunDate, answered, documented_answer, not_found, snapshot_of
from snapshot.read import Customer, Snapshot

router = APIRouter(tags=["results"])

MOST = 1000
SegmentName = Annotated[str, Path(max_length=40, examples=["champions"])]
After = Annotated[str, Query(max_length=1000, description="customers after this id; `next` of the page before has it")]
Limit = Annotated[int, Query(ge=1, le=MOST, description="so many at the most")]


@router.get("/segments", **documented_answer(SegmentList))
async def list_segments(parts: Reading, run_date: ForRunDate = None) -> Response:
    """The segments of a run_date: customers, orders, revenue, medians, and what to do."""
    return answered(segment_list(snapshot_of(parts, run_date)))


@router.get("/segments/{name}/customers", **documented_answer(SegmentPage))
async def list_customers(
    name: SegmentName, parts: Reading, run_date: ForRunDate = None, after: After = "", limit: Limit = 100
) -> Response:
    """The customers of a segment, in the order of their ids, page by page."""
    snapshot = snapshot_of(parts, run_date)
    if name not in snapshot.segment_names:
        known = ", ".join(snapshot.segment_names) or "none, since nobody could be scored"
        raise not_found(f"{snapshot.about.run_date} has no segment of this name; its segments: {known}")
    found = snapshot.customers_of(name, after=after, limit=limit + 1)
    page, more = found[:limit], len(found) > limit
    view: SegmentPage = {
        "run_date": snapshot.about.run_date,
        "run_id": snapshot.about.run_id,
        "segment": name,
        "customers": [member(customer, customer.scores) for customer in page if customer.scores],
        "next": _next_page(snapshot, name, page[-1], limit) if more else None,
    }
    return answered(view)


def _next_page(snapshot: Snapshot, name: str, last: Customer, limit: int) -> str:
    query = urlencode({"run_date": snapshot.about.run_date, "after": last.customer_id, "limit": limit})
    return f"/segments/{quote(name)}/customers?{query}"
