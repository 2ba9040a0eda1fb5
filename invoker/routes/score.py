"""POST /score: what a customer would be, by the model of the newest published run."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Body, Response

from invoker.auth import Reading
from invoker.problems import ProblemError, documented
from invoker.routes.results import NOTHING, answered, documented_answer, not_found
from invoker.score import Asked, CannotBeScored, ScoreAnswer, score

router = APIRouter(tags=["results"])

ANSWER = documented_answer(ScoreAnswer)
ANSWER["responses"] |= documented(HTTPStatus.BAD_REQUEST)
EXAMPLES = {
    "values": {"value": {"recency": 39, "frequency": 2, "monetary": 142.32}},
    "orders": {"value": {"orders": [{"order_id": "1045", "order_date": "1998-05-21", "amount": 65.67}]}},
}


@router.post("/score", **ANSWER)
async def score_customer(asked: Annotated[Asked, Body(openapi_examples=EXAMPLES)], parts: Reading) -> Response:
    """Scores a customer who need not exist, from three values or from orders. Nothing is kept."""
    for snapshot in parts.shelf.newest_first():
        if snapshot.scorer is not None:
            try:
                return answered(score(snapshot, snapshot.scorer, asked))
            except CannotBeScored as error:
                raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from None
    raise not_found(NOTHING)
