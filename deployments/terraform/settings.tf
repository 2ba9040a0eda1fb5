# The settings of the system (settings.py, .env.example) in this environment; a test compares the names.

locals {
  settings = merge({
    MESSENGER_KIND     = "pubsub"
    MESSENGER_PROJECT  = var.project
    MESSENGER_PREFIX   = local.prefix
    WAREHOUSE_KIND     = "bigquery"
    WAREHOUSE_PROJECT  = var.project
    WAREHOUSE_DATASET  = google_bigquery_dataset.rfm.dataset_id
    WAREHOUSE_LOCATION = var.region
    STEPS_PLATFORM     = "cloud-run"
    STEPS_ELSEWHERE    = var.steps_elsewhere
    SOURCE_TABLE       = "${google_bigquery_dataset.raw.dataset_id}.orders"

    # Vertex AI takes minutes to get its machine, and a step that waits for its turn in a pool has not begun either
    ORCHESTRATOR_START_WITHIN = "1800"
  }, var.settings)

  prefect_settings = {
    PREFECT_API_URL = var.prefect == "cloud" ? var.prefect_cloud_api_url : "http://${google_compute_address.prefect.address}:4200/api"
  }

  # where the links in alerts lead: to an operator's end of the tunnel (docs/deploy-gcp.md)
  links = var.prefect == "cloud" ? {} : { PREFECT_UI_URL = "http://127.0.0.1:4200" }

  prefect_secrets = var.prefect == "cloud" ? { PREFECT_API_KEY = "prefect-key" } : { PREFECT_API_AUTH_STRING = "prefect-auth" }

  step_secrets = merge(local.prefect_secrets, var.alerts ? { ALERTS_URLS = "alerts-urls" } : {})
  references   = [for name, secret in local.step_secrets : "${name}=${secret}:latest"]

  # what `make deploy` and `make deploy-check` read: deployments/environments/<environment>.env
  deploy_settings = merge(local.settings, local.prefect_settings, {
    PUBLISHED_BUCKET          = google_storage_bucket.published.url
    REPORT_URL                = lookup(var.settings, "REPORT_URL", local.invoker_url)
    DEPLOY_PROJECT            = var.project
    DEPLOY_REGION             = var.region
    DEPLOY_SQL_RUNNER_IMAGE   = local.images["sql-runner"]
    DEPLOY_SQL_RUNNER_ACCOUNT = google_service_account.role["sql-runner"].email
    DEPLOY_RFM_IMAGE          = local.images["rfm"]
    DEPLOY_RFM_ACCOUNT        = google_service_account.role["python-app"].email
    DEPLOY_NETWORK            = "projects/${local.number}/global/networks/${google_compute_network.private.name}"
    DEPLOY_VPC_CONNECTOR      = join("", google_vpc_access_connector.steps[*].id)
    DEPLOY_SECRETS            = join(",", local.references)
  })
}
