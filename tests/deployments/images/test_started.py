"""What is in an image is enough for what it does: packages and code alone, started as the Dockerfile says."""

import signal
import time
from functools import cache

import httpx
import pytest

from deployments.local.ports import choose_port
from messenger.contract import RunStatus
from messenger.embedded import EmbeddedMessenger
from messenger.messenger import REGISTER_STATUSES
from tests import messages as given
from tests.deployments.images.laid_out import laid_out, started

ANSWERS_WITHIN = 120.0
CLOUD_WORKERS = "import prefect_gcp.workers.cloud_run_v2, prefect_gcp.workers.vertex"
READS_THE_PROJECT = """
from datetime import UTC, datetime

from settings import get_settings
from warehouse.orders_table import OrdersTable
from workload import features, sql

settings = get_settings()
table = OrdersTable("p", "raw", "orders", {"order_id": "STRING"}, has_rows=True, changed_at=datetime.now(UTC))
variables = {
    **features.table_variables(table),
    **features.bigquery_variables(settings.warehouse, features.PRODUCTION),
    **features.source_variables(settings),
}
where = features.where(settings)
print(len(sql.parse(variables, where["work_folder"], where["target"]).nodes), "nodes read in", where["work_folder"])
"""
"""What every run of `features` does first, and as far as it comes without BigQuery."""


def until_it_answers(url, process, log):
    give_up = time.monotonic() + ANSWERS_WITHIN
    while True:
        try:
            answer = httpx.get(url, timeout=5)
            if answer.is_success:
                return answer
        except httpx.TransportError:
            pass
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < give_up, log.read_text()[-3000:]
        time.sleep(0.1)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The image `prefect-server`, on SQLite: the address of its API."""
    folder = tmp_path_factory.mktemp("prefect-server")
    laid, port, log = laid_out("prefect-server", folder), choose_port(0), folder / "log"
    settings = {"PREFECT_SERVER_API_HOST": "127.0.0.1", "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
    command = [*laid.target.command[:-4], "--host", "127.0.0.1", "--port", str(port)]
    with started(laid, *command, log=log, **settings) as process:
        until_it_answers(f"http://127.0.0.1:{port}/api/health", process, log)
        yield f"http://127.0.0.1:{port}/api"


@pytest.fixture(scope="module")
def laid_of(tmp_path_factory):
    """An image by its name, laid out once for all tests."""
    return cache(lambda name: laid_out(name, tmp_path_factory.mktemp(name)))


def test_the_server_has_its_ui_though_it_cannot_write_beside_it(server):
    page = httpx.get(server.removesuffix("/api"), follow_redirects=True)

    assert "<title>Prefect" in page.text


def test_the_invoker_answers(tmp_path):
    laid, port, log = laid_out("invoker", tmp_path), choose_port(0), tmp_path / "log"
    files = {"MESSENGER_PATH": str(tmp_path / "messenger.db"), "RUNS_PATH": str(tmp_path / "register.db")}

    with started(laid, log=log, INVOKER_HOST="127.0.0.1", INVOKER_PORT=str(port), **files) as process:
        answer = until_it_answers(f"http://127.0.0.1:{port}/healthcheck", process, log)

    assert answer.status_code == 204
    assert process.returncode in (0, -signal.SIGTERM)


def test_a_worker_polls_its_pool(server, tmp_path):
    laid, port, log = laid_out("worker", tmp_path), choose_port(0), tmp_path / "log"
    pool = {"name": "orchestrator", "type": "process"}
    httpx.post(f"{server}/work_pools/", json=pool).raise_for_status()

    with started(laid, log=log, PREFECT_API_URL=server, PREFECT_WORKER_WEBSERVER_PORT=str(port)) as process:
        answer = until_it_answers(f"http://127.0.0.1:{port}/health", process, log)

    assert answer.is_success
    with started(laid, "python3", "-c", CLOUD_WORKERS, log=log) as importing:
        assert importing.wait(120) == 0, log.read_text()


@pytest.mark.parametrize(
    ("image", "flow", "step"), [("sql-runner", "features", "features"), ("rfm", "scoring", "scoring")]
)
def test_a_step_runs_and_says_how_it_went(server, laid_of, tmp_path, image, flow, step):
    """Without a warehouse it can only fail: all the way there everything it needs was in the image."""
    laid, log = laid_of(image), tmp_path / "log"
    messages = EmbeddedMessenger(tmp_path / "messenger.db")
    messages.setup()
    run = flow_run(server, step, given.request(step))
    settings = {
        "PREFECT_API_URL": server,
        "PREFECT__FLOW_RUN_ID": run,
        "MESSENGER_PATH": str(tmp_path / "messenger.db"),
    }

    with started(laid, log=log, **settings) as process:
        process.wait(120)

    delivered = messages.pull(REGISTER_STATUSES, limit=10, wait=0)
    statuses = [RunStatus.model_validate_json(delivery.body) for delivery in delivered]
    messages.close()
    assert [status.state for status in statuses] == ["started", "failed"], log.read_text()[-3000:]
    assert statuses[1].error.type == "ModuleNotFoundError"


def test_dbt_reads_its_project_where_nothing_can_be_written_beside_it(laid_of, tmp_path):
    laid, log = laid_of("sql-runner"), tmp_path / "log"
    bigquery = {"WAREHOUSE_KIND": "bigquery", "WAREHOUSE_PROJECT": "p"}

    with started(laid, "python3", "-c", READS_THE_PROJECT, log=log, **bigquery) as process:
        assert process.wait(120) == 0, log.read_text()[-3000:]

    assert f"nodes read in {laid.folder}/home" in log.read_text()


def flow_run(api, flow, request):
    """As a worker would have it started: a flow run of a deployment whose code is in the image."""
    made = httpx.post(f"{api}/flows/", json={"name": flow}).raise_for_status().json()
    entrypoint = f"flows/{flow}.py:{flow}"
    deployment = httpx.post(
        f"{api}/deployments/", json={"name": "image", "flow_id": made["id"], "entrypoint": entrypoint, "path": "."}
    )
    parameters = {"request": request.model_dump(mode="json")}
    run = httpx.post(
        f"{api}/deployments/{deployment.raise_for_status().json()['id']}/create_flow_run",
        json={"parameters": parameters, "state": {"type": "PENDING"}},
    )
    return run.raise_for_status().json()["id"]
