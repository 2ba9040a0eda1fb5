"""An environment on Google Cloud as a user would write it."""

GIVEN = {
    "STEPS_PLATFORM": "cloud-run",
    "STEPS_ELSEWHERE": "rfm/scoring=vertex-ai",
    "ORCHESTRATOR_START_WITHIN": "1800",
    "DEPLOY_PROJECT": "rfm-test-project",
    "DEPLOY_REGION": "europe-west1",
    "DEPLOY_SQL_RUNNER_IMAGE": "europe-west1-docker.pkg.dev/rfm-test-project/rfm/sql-runner:1",
    "DEPLOY_SQL_RUNNER_ACCOUNT": "sql-runner@rfm-test-project.iam.gserviceaccount.com",
    "DEPLOY_RFM_IMAGE": "europe-west1-docker.pkg.dev/rfm-test-project/rfm/rfm:1",
    "DEPLOY_RFM_ACCOUNT": "python-app@rfm-test-project.iam.gserviceaccount.com",
    "DEPLOY_SECRETS": "PREFECT_API_KEY=prefect-key",
    "PREFECT_API_URL": "https://prefect.example.com/api",
    "MESSENGER_KIND": "pubsub",
    "MESSENGER_PROJECT": "rfm-test-project",
    "WAREHOUSE_KIND": "bigquery",
    "WAREHOUSE_PROJECT": "rfm-test-project",
    "PUBLISHED_BUCKET": "gs://rfm-test-project-rfm",
    "REPORT_URL": "https://invoker.example.com",
}


def write_environment(folder, **changes):
    """`changes` with None leave a setting out."""
    values = {name: value for name, value in {**GIVEN, **changes}.items() if value is not None}
    path = folder / "test.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return path
