"""Whatever is asked, within the OpenAPI document and outside of it, nothing is answered with a fault of ours."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.invoker.parts import client_of
from tests.invoker.prefect_stand_in import PrefectStandIn
from tests.invoker.results import app_with_results

CHECKS = [not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance]
REQUESTS = "projects/p/subscriptions/requests-invoker-push"


@pytest.fixture(scope="module")
def api(tmp_path_factory, shared_carrier):
    """The document of a running invoker. Its Messenger is a real one, without consumers."""
    shared_carrier.open().setup()
    prefect = PrefectStandIn().start()
    folder = tmp_path_factory.mktemp("openapi")
    app = app_with_results(folder, prefect, messenger=shared_carrier.settings, push_requests=REQUESTS)
    with client_of(app) as client:
        yield schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
    prefect.stop()


OF_MESSAGES = [("GET", "/invoke"), ("POST", "/invoke"), ("POST", "/pubsub/push"), ("GET", "/readiness")]
"""The others do the same on every carrier."""
OF_RESULTS = [
    ("GET", "/segments"),
    ("GET", "/segments/{name}/customers"),
    ("GET", "/customers/{customer_id}"),
    ("GET", "/customers/{customer_id}/explain"),
    ("POST", "/score"),
    ("GET", "/reports"),
    ("GET", "/report/{run_date}"),
    ("GET", "/"),
    ("POST", "/session"),
    ("DELETE", "/session"),
]
OPERATIONS = [*OF_MESSAGES, *OF_RESULTS, ("GET", "/runs"), ("GET", "/runs/{run_id}"), ("GET", "/healthcheck")]
ASKED = [
    *(("embedded", method, path) for method, path in OPERATIONS),
    *(("pubsub", method, path) for method, path in OF_MESSAGES),
]


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("shared_carrier", "method", "path"), ASKED, indirect=["shared_carrier"])
def test_nothing_is_a_fault_of_ours_and_every_answer_is_as_documented(api, method, path, mode):
    operation = api[path][method]

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def ask(case):
        case.call_and_validate(checks=CHECKS)

    try:
        ask()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "nothing valid can be asked"


@pytest.mark.parametrize("shared_carrier", ["embedded"], indirect=True)
def test_every_operation_is_asked(api):
    assert {result.ok().path for result in api.get_all_operations()} == {path for _, path in OPERATIONS}


@pytest.mark.parametrize("shared_carrier", ["embedded"], indirect=True)
def test_every_problem_is_documented_with_its_media_type_its_model_and_an_example(api):
    for path, route in api.raw_schema["paths"].items():
        for method, operation in route.items():
            for status, response in operation["responses"].items():
                if int(status) < 400 or (path, status) == ("/readiness", "503"):
                    continue
                [(media_type, content)] = response["content"].items()
                assert media_type == "application/problem+json", (method, path, status)
                assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
                assert content["example"]["status"] == int(status)


@pytest.mark.parametrize("shared_carrier", ["embedded"], indirect=True)
def test_what_any_route_may_answer_is_documented_with_each(api):
    for path, route in api.raw_schema["paths"].items():
        for method, operation in route.items():
            assert {"403", "413", "500"} <= set(operation["responses"]), (method, path)
