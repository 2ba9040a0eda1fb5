"""A route that is called at once: what FastAPI does for each request would cost more than the answer itself."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from invoker.auth import reading


class Direct(APIRoute):
    """For a function of path parameters that are texts, and Reading. It is documented as every route is, and FastAPI
    checks nothing: what is no such text is for the function to say.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = self.endpoint

        async def handle(request: Request) -> Response:
            response: Response = await answer(parts=await reading(request), **request.path_params)
            return response

        return handle
