"""A route that is called at once: what FastAPI does for each request would cost more than the answer itself."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.utils import request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from invoker.auth import reading


class Direct(APIRoute):
    """For a function of path parameters, and Reading. It is documented and its path is checked as every route's."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = self.endpoint

        async def handle(request: Request) -> Response:
            parts = await reading(request)
            values, errors = request_params_to_args(self.dependant.path_params, request.path_params)
            if errors:
                raise RequestValidationError(errors)
            response: Response = await answer(parts=parts, **values)
            return response

        return handle
