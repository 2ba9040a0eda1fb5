"""Every setting of the system: typed, in one place, read once.

A setting comes from the environment or from a `.env` file in the project's folder. The first word of its
name is its group: `INVOKER_PORT=9000` sets `settings.invoker.port`. A wrong value, or a name that a group
does not have, stops the program with the whole list of what is wrong. `.env.example` lists them all.
"""

import base64
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from setting_types import (
    LONGEST_LEASE,
    REJECTIONS,
    CatchUp,
    Days,
    Group,
    Names,
    OpenGroup,
    Platform,
    PlatformsByStep,
    Port,
    PostgresUrl,
    ProjectPath,
    Rejections,
    Seconds,
    Share,
    Timezone,
    Url,
    is_loopback,
)
from setting_types import PROJECT as PROJECT


class Source(Group):
    """The orders as the user's system delivers them."""

    path: ProjectPath = Field(Path("data/raw/orders.parquet"), description="CSV or Parquet file of orders")
    table: Annotated[str, Field(pattern=r"^([\w-]+\.)?\w+\.\w+$")] = Field(
        "raw.orders", description="bigquery: the table of orders, as dataset.table or project.dataset.table"
    )
    order_id_column: str = Field("order_id", description="empty when the source has no order ids: a row is an order")
    customer_id_column: str = "customer_id"
    order_date_column: str = "order_date"
    amount_column: str = "amount"
    max_rejected: Share = Field(0.5, description="more than this share of the order lines rejected stops the run")
    lines_are_unique: bool = Field(False, description="true: exact copies of a line are rejected as duplicates")
    orders_due: Annotated[int, Field(gt=0)] = Field(
        14, description="days: when the newest order is older than this on the run_date, the orders are not fresh"
    )


class Model(Group):
    """How customers are scored."""

    rules: str = Field("quintile", description="name of a rule set in rfm/rules/, or the path of your own")
    window_days: Annotated[int, Field(gt=0)] = Field(720, description="days up to run_date in which orders count")
    warn_on: Rejections = Field(
        ",".join(name for name in REJECTIONS if name != "no_positive_order"),
        description="a row rejected for one of these reasons is a warning",
    )
    stop_on: Rejections = Field("", description="a row rejected for one of these reasons stops the run")
    max_rejected: Share = Field(0.5, description="more than this share of the feature rows rejected stops the run")
    max_drop: Share = Field(
        0.5, description="this share fewer scored customers than on the run_date before is allowed, no more"
    )


class Warehouse(Group):
    """Where features, scores and the ledger are kept."""

    kind: Literal["duckdb", "bigquery"] = "duckdb"
    path: ProjectPath = Field(Path("data/warehouse.duckdb"), description="DuckDB file")
    lock_wait: Seconds = Field(60, description="how long to wait for another writer, or for BigQuery to answer")
    memory_limit: str = Field("", description="DuckDB's memory_limit, such as 1GB; empty: DuckDB's own default")
    project: str = Field("", description="bigquery: the Google Cloud project")
    dataset: Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]{0,100}$")] = Field(
        "rfm", description="bigquery: the dataset, which must be there"
    )
    location: str = Field("", description="bigquery: of the dataset, such as australia-southeast1; empty: Google's own")
    max_bytes_billed: Annotated[int, Field(gt=0)] = Field(
        100 * 10**9, description="bigquery: a query that would be billed for more is refused"
    )
    endpoint: str = Field("", description="bigquery: REST address of a stand-in; empty: Google's")
    storage_endpoint: str = Field("", description="bigquery: host:port of a stand-in's Storage API")

    @model_validator(mode="after")
    def _fit_for_bigquery(self) -> Self:
        if self.kind == "bigquery" and not self.project:
            raise ValueError("WAREHOUSE_KIND=bigquery needs WAREHOUSE_PROJECT, the Google Cloud project")
        if bool(self.endpoint) != bool(self.storage_endpoint):
            raise ValueError("a stand-in needs both WAREHOUSE_ENDPOINT and WAREHOUSE_STORAGE_ENDPOINT")
        return self


class Dbt(OpenGroup):
    """The SQL runner, as the person who edits the SQL uses it. Other DBT_ variables are dbt's own."""

    user: Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,40}$")] = Field(
        "main", description="schema that `make dbt-run` builds in; main: the production tables"
    )
    docs_port: Port = Field(8080, description="of `make docs`; another free one when it is taken")


class Published(Group):
    """Files for readers, each replaced as a whole after each run."""

    path: ProjectPath = Path("data/published")
    bucket: Annotated[str, Field(pattern="^(gs://.+)?$")] = Field(
        "", description="gs://bucket/folder that a run publishes to instead, where no disk is shared; empty: the folder"
    )
    snapshots: Annotated[int, Field(ge=1)] = Field(
        13, description="so many of the last run_dates can be asked about; the files of older ones stay"
    )


class Report(Group):
    """The report of a run (docs/report.md)."""

    currency: Annotated[str, Field(max_length=8)] = Field("", description="stands beside money, such as EUR")
    days: Annotated[int, Field(ge=2, le=60)] = Field(12, description="so many of the last runs make the trend")
    drift_alert: Annotated[float, Field(gt=0)] = Field(
        0.25, description="an alert is sent when a measure has moved by this PSI since the model was fitted"
    )
    url: str = Field("", description="address under which people reach the invoker; empty: its host and port")


class Code(Group):
    """Which code runs."""

    version: str = Field("", description="written down with each run; empty: the commit of this folder's git")


class Messenger(Group):
    """What carries requests and statuses between the Orchestrator and the Workload."""

    kind: Literal["embedded", "pubsub"] = "embedded"
    path: ProjectPath = Field(Path(".stack/messenger.db"), description="embedded: the SQLite file")
    project: str = Field("", description="pubsub: the Google Cloud project")
    prefix: Annotated[str, Field(pattern="^([a-z][a-z0-9-]{0,40})?$")] = Field(
        "rfm-", description="pubsub: stands before the name of every topic and subscription"
    )
    lease: Annotated[Seconds, Field(le=LONGEST_LEASE)] = Field(
        30, description="a message not acknowledged within this time is delivered again"
    )
    max_deliveries: Annotated[int, Field(ge=1)] = Field(5, description="after so many, a message is a dead letter")

    @model_validator(mode="after")
    def _fit_for_pubsub(self) -> Self:
        if self.kind == "pubsub" and not self.project:
            raise ValueError("MESSENGER_KIND=pubsub needs MESSENGER_PROJECT, the Google Cloud project")
        return self


class Steps(Group):
    """Where the steps run: by which of its deployments each is started."""

    platform: Platform = Field("process", description="process, cloud-run or vertex-ai: of every step not named below")
    elsewhere: PlatformsByStep = Field(
        "", description="steps that run elsewhere, such as rfm/scoring=vertex-ai, with commas between them"
    )

    def named(self) -> dict[str, str]:
        """Platforms of the steps that run elsewhere, by `<pipeline>/<step>`."""
        return dict(entry.split("=") for entry in self.elsewhere.split(",") if entry)

    def platform_of(self, pipeline: str, step: str) -> str:
        return self.named().get(f"{pipeline}/{step}", self.platform)


class Runs(Group):
    """Which runs were asked for, and the news about them."""

    path: ProjectPath = Field(Path(".stack/register.db"), description="SQLite file of the register")
    url: PostgresUrl = Field(
        SecretStr(""), description="postgresql://… of the register where no disk is shared; empty: the SQLite file"
    )


class Invoker(Group):
    """The Workload's contact point."""

    host: str = "127.0.0.1"
    port: Port = Field(8080, description="0: any free port")
    workers: Annotated[int, Field(ge=1)] = Field(1, description="processes; more than one are run by gunicorn")
    worker_timeout: Seconds = Field(60, description="gunicorn: a worker that is silent for so long is replaced")
    graceful_timeout: Seconds = Field(8, description="requests and messages in hand get so long to finish at the end")
    max_body: Annotated[int, Field(gt=0)] = Field(64 * 1024, description="bytes of a request's body at the most")
    log_format: Literal["text", "json"] = Field("text", description="text for people, json for a log service")
    pull: bool = Field(True, description="take messages by pull; false where Pub/Sub pushes them")
    auth: Literal["none", "google", "cloud-run"] = Field(
        "none", description="none (loopback only), Google's ID tokens, or those that Cloud Run's IAM has checked"
    )
    audiences: Names = Field("", description="google: the accepted audiences, with commas between them")
    accounts: Names = Field("", description="google: e-mails of those who may ask, with commas between them")
    readers: Names = Field(
        "", description="google: e-mails of those who may read the results, with commas between them"
    )
    certificates: Url = Field("https://www.googleapis.com/oauth2/v1/certs", description="google: JSON of key id: PEM")
    push_requests: str = Field("", description="full name of the subscription that pushes requests")
    push_statuses: str = Field("", description="full name of the subscription that pushes statuses")
    push_audience: str = Field("", description="audience of the tokens that Pub/Sub sends along")
    push_account: str = Field("", description="e-mail of the service account in those tokens")

    @property
    def address(self) -> str:
        return f"http://{self.host}:{self.port}"

    @model_validator(mode="after")
    def _closed_to_the_world(self) -> Self:
        if self.auth == "none" and not is_loopback(self.host):
            raise ValueError(f"INVOKER_AUTH=none serves loopback only, not {self.host}; set INVOKER_AUTH=google")
        if self.auth != "none" and not (self.audiences and self.accounts):
            raise ValueError(f"INVOKER_AUTH={self.auth} needs INVOKER_AUDIENCES and INVOKER_ACCOUNTS")
        pushed = self.push_requests or self.push_statuses
        if self.auth != "none" and pushed and not (self.push_audience and self.push_account):
            raise ValueError("pushed messages need INVOKER_PUSH_AUDIENCE and INVOKER_PUSH_ACCOUNT")
        return self


class Prefect(OpenGroup):
    """How the invoker reaches Prefect: the settings of Prefect itself that bear these names."""

    api_url: Url = "http://127.0.0.1:4200/api"
    api_key: SecretStr = Field(SecretStr(""), description="for Prefect Cloud")
    api_auth_string: SecretStr = Field(SecretStr(""), description="user:password of a server of yours")

    def authorization(self) -> dict[str, str]:
        """HTTP headers, as Prefect's client does it: the server's basic authentication wins over the Cloud's key."""
        if pair := self.api_auth_string.get_secret_value():
            return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
        if key := self.api_key.get_secret_value():
            return {"Authorization": f"Bearer {key}"}
        return {}


class Orchestrator(Group):
    """When runs start by themselves, and how long a step may take."""

    cron: str = Field("0 8 * * 1", description="schedule of orchestrate/rfm")
    timezone: Timezone = Field("Australia/Sydney", description="business time zone: of the schedule and of run_date")
    step_deadline: Seconds = Field(3600, description="a step without a final status after so long has failed")
    start_within: Seconds = Field(300, description="a step that no process has taken up after so long never started")
    attempts: Annotated[int, Field(ge=1)] = Field(3, description="so often a step is tried when the cause may pass")
    attempt_delay: Seconds = Field(10, description="before the second attempt; twice as long before each further one")
    runs_at_once: Annotated[int, Field(ge=1)] = Field(1, description="runs of a pipeline; DuckDB takes one at a time")
    hold_after_failure: bool = Field(True, description="a failed run_date holds later scheduled ones back")
    reconcile_cron: str = Field("*/2 * * * *", description="how often runs without an end are looked for, in UTC")
    catch_up: CatchUp = Field("latest", description="of the schedules that were missed")
    prefect_poll: Seconds = Field(2, description="how often a waiting run asks Prefect whether its step still lives")


class Alerts(Group):
    """Who is told when a run needs a person."""

    urls: SecretStr = Field(
        SecretStr(""), description="Apprise addresses (mail, Slack, Teams, webhook ...) with spaces between them"
    )
    runbook: str = Field("docs/operations.md", description="address at which your people find docs/operations.md")
    late_after: Seconds = Field(4 * 3600, description="a scheduled date not confirmed so long after its time is late")
    stuck_after: Seconds = Field(4 * 3600, description="a run under way of which nothing was heard so long is stuck")

    @property
    def addresses(self) -> list[str]:
        return self.urls.get_secret_value().split()

    @model_validator(mode="after")
    def _addresses(self) -> Self:
        if wrong := [place for place, address in enumerate(self.addresses, 1) if "://" not in address]:
            raise ValueError(f"number {wrong[0]} of ALERTS_URLS is no address such as mailto://... or slack://...")
        return self


class Health(Group):
    """The health check, which looks at every part and tells what has changed."""

    cron: str = Field("*/15 * * * *", description="schedule of healthcheck/system")
    invoker: str = Field("", description="address of the invoker; empty: that of INVOKER_HOST and INVOKER_PORT")
    patience: Seconds = Field(10, description="so long a part may take to answer")


class Housekeeping(Group):
    """What is removed when it is older than so many days, by the flow housekeeping."""

    cron: str = Field("0 4 * * 0", description="schedule of housekeeping/system")
    flow_runs: Days = Field(30, description="flow runs that have ended, with their logs and artifacts")
    waiters: Days = Field(1, description="subscriptions of runs that have ended")
    staging: Days = Field(1, description="staging that a killed process has left in the warehouse")
    cloud_run_jobs: Days = Field(1, description="Cloud Run jobs of flow runs that have ended")
    cloud_run: Annotated[str, Field(pattern="^(projects/[^/]+/locations/[^/]+)?$")] = Field(
        "", description="where the Cloud Run jobs are, as projects/PROJECT/locations/REGION; empty: there are none"
    )


class Backfill(Group):
    """How a backfill goes through its dates."""

    at_once: Annotated[int, Field(ge=1)] = Field(
        1, description="dates asked for at once; they run side by side when ORCHESTRATOR_RUNS_AT_ONCE lets them"
    )


class Stack(Group):
    """The local stack of `make run` and `make up`."""

    path: ProjectPath = Field(Path(".stack"), description="logs, process files and the Prefect server's database")
    prefect_port: Port = Field(4200, description="0: any free port")
    prefect_database: str = Field(
        "postgres", description="postgres (embedded), sqlite, or the SQLAlchemy URL of a Postgres of yours"
    )
    process_start: Literal["fork", "stock"] = Field("fork", description="how process workers start flow runs")


class K(OpenGroup):
    """What Cloud Run says to a container: there is nothing to set here."""

    service: str = Field("", description="name of the Cloud Run service; empty elsewhere")


class Deploy(OpenGroup):
    """Google Cloud, as `make deploy` reads it from a file of deployments/environments/ (docs/work-pools.md)."""

    project: str = Field("", description="the Google Cloud project")
    region: str = Field("", description="of Cloud Run and Vertex AI, such as europe-west1")
    sql_runner_image: str = Field("", description="the SQL runner's image, by tag or digest")
    sql_runner_account: str = Field("", description="e-mail of the service account that the SQL runner runs as")
    rfm_image: str = Field("", description="the Python app's image, by tag or digest")
    rfm_account: str = Field("", description="e-mail of the service account that the Python app runs as")
    vpc_connector: str = Field("", description="Cloud Run: full name of the VPC connector; empty: none")
    network: str = Field("", description="Vertex AI: full name of the peered network; empty: none")
    secrets: Names = Field(
        "", description="variables of the containers and their secrets, such as PREFECT_API_KEY=prefect-key:latest"
    )
    runs_at_once: Annotated[int, Field(ge=1)] = Field(4, description="of one step; more runs wait for their turn")
    code: str = Field("/app", description="folder of the code in the images")


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=PROJECT / ".env", env_nested_delimiter="_", env_nested_max_split=1, extra="ignore", frozen=True
    )

    source: Source = Source()
    model: Model = Model()
    warehouse: Warehouse = Warehouse()
    dbt: Dbt = Dbt()
    published: Published = Published()
    report: Report = Report()
    code: Code = Code()
    messenger: Messenger = Messenger()
    steps: Steps = Steps()
    runs: Runs = Runs()
    invoker: Invoker = Invoker()
    prefect: Prefect = Prefect()
    orchestrator: Orchestrator = Orchestrator()
    alerts: Alerts = Alerts()
    health: Health = Health()
    housekeeping: Housekeeping = Housekeeping()
    backfill: Backfill = Backfill()
    stack: Stack = Stack()
    deploy: Deploy = Deploy()
    k: K = K()

    @model_validator(mode="after")
    def _checked_by_cloud_run(self) -> Self:
        if self.invoker.auth == "cloud-run" and not self.k.service:
            raise ValueError(
                "INVOKER_AUTH=cloud-run believes tokens that Cloud Run has checked, and this is not Cloud Run"
                " (K_SERVICE is empty); set INVOKER_AUTH=google"
            )
        return self

    @property
    def business_zone(self) -> ZoneInfo:
        return ZoneInfo(self.orchestrator.timezone)


class WrongSettings(SystemExit):
    """Raised with every wrong setting in one text, so that a user mends them in one go."""


@lru_cache(maxsize=1)
def get_settings() -> Settings:
    try:
        return Settings()
    except SettingsError as unreadable:
        raise WrongSettings(f"Wrong settings: {unreadable}") from None
    except ValidationError as wrong:
        lines = [
            f"  {'_'.join(str(part) for part in error['loc']).upper()}: {error['msg']}" for error in wrong.errors()
        ]
        raise WrongSettings(
            "Wrong settings (from the environment or .env; .env.example lists them all):\n" + "\n".join(lines)
        ) from None
