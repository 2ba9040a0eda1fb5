# A service account for each role; none has a key. Google takes ids of 6 to 30 characters. Which right is for what: docs/deploy-gcp.md.

locals {
  accounts = {
    invoker    = "Invoker: the Workload's contact point"
    sql-runner = "SQL runner: orders to features"
    python-app = "Python app: features to scores"
    prefect    = "Host of Prefect: server, workers, Orchestrator"
    pusher     = "Pub/Sub, when it pushes messages to the invoker"
  }

  # who sends and takes messages
  publishers = {
    invoker    = ["requests", "statuses", "dead-letters"]
    prefect    = ["requests", "statuses", "dead-letters"]
    sql-runner = ["statuses"]
    python-app = ["statuses"]
  }

  # who looks whether the topics are there
  lookers = ["invoker", "prefect"]

  project_rights = {
    invoker    = []
    sql-runner = ["roles/bigquery.jobUser"]
    python-app = ["roles/bigquery.jobUser", "roles/bigquery.readSessionUser"]
    prefect = [
      "roles/aiplatform.user",
      "roles/bigquery.jobUser",
      "roles/logging.logWriter",
      "roles/monitoring.metricWriter",
      "roles/run.developer",
    ]
    pusher = []
  }

  # which secrets each may read
  secret_readers = {
    invoker    = ["register-url", "prefect-auth", "prefect-key"]
    sql-runner = ["prefect-auth", "prefect-key"]
    python-app = ["prefect-auth", "prefect-key", "alerts-urls"]
    prefect    = ["register-url", "prefect-auth", "prefect-key", "prefect-database-url", "alerts-urls"]
  }
}

resource "google_service_account" "role" {
  for_each     = local.accounts
  account_id   = each.key
  display_name = each.value

  depends_on = [google_project_service.used]
}

resource "google_project_iam_member" "role" {
  for_each = merge([
    for account, roles in local.project_rights : { for role in roles : "${account} ${role}" => { account = account, role = role } }
  ]...)
  project = var.project
  role    = each.value.role
  member  = google_service_account.role[each.value.account].member
}

# The workers start the steps as the steps' own accounts
resource "google_service_account_iam_member" "started_by_worker" {
  for_each           = toset(["sql-runner", "python-app"])
  service_account_id = google_service_account.role[each.key].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.role["prefect"].member
}

# Pub/Sub signs its pushes as the pusher
resource "google_service_account_iam_member" "signed_by_pubsub" {
  service_account_id = google_service_account.role["pusher"].name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = local.pubsub_agent
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = merge([
    for account, secrets in local.secret_readers : {
      for secret in secrets : "${account} ${secret}" => { account = account, secret = secret }
      if contains(local.secrets, secret)
    }
  ]...)
  secret_id = google_secret_manager_secret.held[each.value.secret].id
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.role[each.value.account].member
}
