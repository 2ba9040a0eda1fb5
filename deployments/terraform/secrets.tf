# Secrets are in Secret Manager alone: made during the apply, written, and forgotten. Neither state nor plan has them.
# prefect-key (Prefect Cloud's API key) and alerts-urls (ALERTS_URLS) come from a person: docs/deploy-gcp.md.
# To make new ones: terraform apply -var secrets_version=2, then restart the host and the invoker.

variable "secrets_version" {
  description = "Another number makes new passwords"
  type        = number
  default     = 1
}

locals {
  secrets = toset(concat(
    ["register-url", "alerts-urls"],
    var.prefect == "server" ? ["prefect-auth", "prefect-database-url"] : ["prefect-key"],
  ))
  databases = toset(concat(["register"], var.prefect == "server" ? ["prefect"] : []))
}

ephemeral "random_password" "database" {
  for_each = local.databases
  length   = 40
  special  = false
}

ephemeral "random_password" "prefect" {
  length  = 40
  special = false
}

resource "google_secret_manager_secret" "held" {
  for_each  = local.secrets
  secret_id = each.key

  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }

  depends_on = [google_project_service.used]
}

resource "google_secret_manager_secret_version" "register_url" {
  secret                 = google_secret_manager_secret.held["register-url"].id
  secret_data_wo_version = var.secrets_version
  secret_data_wo         = "postgresql://register:${ephemeral.random_password.database["register"].result}@${local.database_address}/register?sslmode=require"
}

resource "google_secret_manager_secret_version" "prefect_database_url" {
  count                  = var.prefect == "server" ? 1 : 0
  secret                 = google_secret_manager_secret.held["prefect-database-url"].id
  secret_data_wo_version = var.secrets_version
  secret_data_wo         = "postgresql+asyncpg://prefect:${ephemeral.random_password.database["prefect"].result}@${local.database_address}/prefect?ssl=require"
}

# user:password of the Prefect server, as PREFECT_API_AUTH_STRING
resource "google_secret_manager_secret_version" "prefect_auth" {
  count                  = var.prefect == "server" ? 1 : 0
  secret                 = google_secret_manager_secret.held["prefect-auth"].id
  secret_data_wo_version = var.secrets_version
  secret_data_wo         = "rfm:${ephemeral.random_password.prefect.result}"
}
