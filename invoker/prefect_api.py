"""Prefect's REST API, as little of it as the invoker needs, on one open HTTP client.

Prefect's own client would do the same, but it retries by itself for up to a minute where the invoker must
answer at once, and importing it takes as much time and memory as the rest of the invoker
(docs/adr/0010-invoker-speaks-prefects-api.md).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import httpx
from pydantic import AwareDatetime, BaseModel, TypeAdapter, ValidationError

from invoker.flow_runs import FlowRun, FlowRunRefused, PrefectUnavailable
from settings import Prefect

CREATE_WITHIN = 20.0
"""Seconds: a server under load takes its time, and giving up too early only doubles its work."""
REFUSED_FIELD = re.compile(
    r"Error creating flow run: Validation failed(?: for field '([\w.\[\]]{1,100})')?\. Failure reason: "
    r"(?:'(\w{1,100})' is a required property$)?"
)
"""How Prefect says which parameter it refuses. What comes after that may quote the value."""


class _Answer(BaseModel):
    """What is read of a flow run in Prefect's answers."""

    id: str
    state_type: str | None
    state_name: str | None
    parameters: dict[str, Any]
    end_time: AwareDatetime | None

    def flow_run(self) -> FlowRun:
        return FlowRun(self.id, self.state_type or "", self.state_name or "", self.parameters, self.end_time)


class _Deployment(BaseModel):
    id: str


class _Refusal(BaseModel):
    detail: str


T = TypeVar("T", bound=BaseModel)
_ANSWERS = TypeAdapter(list[_Answer])


class PrefectApi:
    """Implements FlowRuns. The ids of deployments are remembered until Prefect does not know them any more."""

    def __init__(self, prefect: Prefect) -> None:
        self._url = prefect.api_url.rstrip("/")
        self._client = httpx.AsyncClient(headers=prefect.authorization(), timeout=CREATE_WITHIN)
        self._deployments: dict[str, str] = {}

    async def create(
        self,
        deployment: str,
        *,
        key: str,
        name: str,
        parameters: Mapping[str, Any],
        tags: Sequence[str],
        labels: Mapping[str, str],
    ) -> tuple[FlowRun, bool]:
        wanted = {
            "idempotency_key": key,
            "name": name,
            "parameters": dict(parameters),
            "tags": list(tags),
            "job_variables": {"labels": dict(labels)},
        }
        remembered = self._deployments.get(deployment)
        answer = await self._create(remembered, wanted) if remembered else None
        if answer is None or answer.status_code == httpx.codes.NOT_FOUND:
            found = await self._find_deployment(deployment)
            answer = await self._create(found, wanted)
        self._refuse(answer, f"deployment {deployment}")
        return self._parsed(_Answer, answer).flow_run(), answer.status_code == httpx.codes.CREATED

    async def find(self, key: str, *, within: float) -> FlowRun | None:
        return await self._first({"idempotency_key": {"any_": [key]}}, within)

    async def get(self, flow_run_id: str, *, within: float) -> FlowRun | None:
        return await self._first({"id": {"any_": [flow_run_id]}}, within)

    async def check(self, *, within: float) -> None:
        await self._ask("GET", "/health", within=within)

    async def close(self) -> None:
        await self._client.aclose()

    async def _create(self, deployment_id: str, wanted: Mapping[str, Any]) -> httpx.Response:
        return await self._ask("POST", f"/deployments/{deployment_id}/create_flow_run", json=wanted)

    async def _find_deployment(self, name: str) -> str:
        answer = await self._ask("GET", f"/deployments/name/{name}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise FlowRunRefused(f"Prefect has no deployment {name}: register it with `prefect deploy --all`")
        self._refuse(answer, f"deployment {name}")
        self._deployments[name] = self._parsed(_Deployment, answer).id
        return self._deployments[name]

    async def _first(self, flow_runs: Mapping[str, Any], within: float) -> FlowRun | None:
        answer = await self._ask("POST", "/flow_runs/filter", json={"flow_runs": flow_runs, "limit": 1}, within=within)
        self._refuse(answer, "the search for a flow run")
        try:
            found = _ANSWERS.validate_json(answer.content)
        except ValidationError:
            raise self._strange() from None
        return found[0].flow_run() if found else None

    async def _ask(
        self, method: str, path: str, *, json: Mapping[str, Any] | None = None, within: float = CREATE_WITHIN
    ) -> httpx.Response:
        """Raises PrefectUnavailable for everything that may pass or that a person mends without changing us."""
        try:
            answer = await self._client.request(method, self._url + path, json=json, timeout=within)
        except httpx.HTTPError as error:
            raise PrefectUnavailable(f"Prefect at {self._url} cannot be reached: {type(error).__name__}") from None
        if answer.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
            raise PrefectUnavailable(f"Prefect at {self._url} refuses the invoker: check PREFECT_API_KEY")
        if answer.status_code in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.TOO_MANY_REQUESTS) or answer.is_server_error:
            raise PrefectUnavailable(f"Prefect at {self._url} answered {answer.status_code}")
        return answer

    def _refuse(self, answer: httpx.Response, what: str) -> None:
        if answer.is_client_error:
            raise FlowRunRefused(f"Prefect refused {what} with {answer.status_code}{_refused_field(answer)}")

    def _parsed(self, model: type[T], answer: httpx.Response) -> T:
        try:
            return model.model_validate_json(answer.content)
        except ValidationError:
            raise self._strange() from None

    def _strange(self) -> PrefectUnavailable:
        return PrefectUnavailable(f"what answers at {self._url} is not Prefect's API: check PREFECT_API_URL")


def _refused_field(answer: httpx.Response) -> str:
    """Nothing else of Prefect's words is told: they quote what was sent."""
    try:
        told = _Refusal.model_validate_json(answer.content).detail
    except ValidationError:
        return ""
    found = REFUSED_FIELD.match(told)
    names = ".".join(name for name in found.groups() if name) if found else ""
    return f": it does not take the parameter {names}" if names else ""
