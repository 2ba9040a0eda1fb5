"""Whatever is asked, within the OpenAPI document and outside of it, nothing is answered with a fault of ours."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from invoker.app import create_app
from tests.invoker.parts import client_of, settings_for
from tests.invoker.prefect_stand_in import PrefectStandIn

REQUESTS = "projects/p/subscriptions/requests-invoker-push"


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """The document of a running invoker. Its Messenger is the real one, without consumers."""
    prefect = PrefectStandIn().start()
    chosen = settings_for(tmp_path_factory.mktemp("openapi"), prefect, pull=False, push_requests=REQUESTS)
    with client_of(create_app(chosen)) as client:
        loaded = schemathesis.openapi.from_url(f"{client.base_url}/openapi.json")
        loaded.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
        yield loaded
    prefect.stop()


document = schemathesis.pytest.from_fixture("api")


@document.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_nothing_is_a_fault_of_ours_and_every_answer_is_as_documented(case):
    case.call_and_validate(checks=[not_a_server_error, content_type_conformance, response_schema_conformance])
