"""GET /customers/{customer_id} and /customers/{customer_id}/explain: one customer, now and before, and why."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from invoker.answers import CustomerView, standing
from invoker.auth import Reading
from invoker.explain import Explained, explain
from invoker.routes.direct import Direct
from invoker.routes.results import NOBODY, NOTHING, ForRunDate, answered, documented_answer, not_found, snapshot_of

router = APIRouter(tags=["results"])

CustomerId = Annotated[str, Path(max_length=1000, examples=["00003"])]


@router.get("/customers/{customer_id:path}/explain", **documented_answer(Explained))
async def explain_customer(customer_id: CustomerId, parts: Reading, run_date: ForRunDate = None) -> Response:
    """Why the customer has these scores: values, edges, model. The orders are not published: `make explain`."""
    snapshot = snapshot_of(parts, run_date)
    found = snapshot.customer(customer_id)
    if found is None:
        raise not_found(
            f"{snapshot.about.run_date} knows no customer of this id: it is another, or no order is in the window"
        )
    return answered(explain(snapshot, found))


async def show_customer(customer_id: CustomerId, parts: Reading) -> Response:
    """Scores, segment and values of the customer, on every run_date that is published."""
    snapshots = parts.shelf.newest_first()
    if not snapshots:
        raise not_found(NOTHING)
    history = [
        standing(snapshot.about.run_date, found)
        for snapshot in snapshots
        if (found := snapshot.customer(customer_id)) is not None
    ]
    if not history:
        raise not_found(NOBODY)
    current = history[0]["run_date"] == snapshots[0].about.run_date
    view: CustomerView = {"customer_id": customer_id, "current": current, "latest": history[0], "history": history}
    return answered(view)


router.add_api_route(
    "/customers/{customer_id:path}", show_customer, route_class_override=Direct, **documented_answer(CustomerView)
)
