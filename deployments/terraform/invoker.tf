# The invoker: asleep until somebody asks or Pub/Sub pushes. Cloud Run lets in whoever may (IAM), and nobody else.

locals {
  # Cloud Run's address of a service, known before it is made
  invoker_url = "https://invoker-${local.number}.${var.region}.run.app"

  invoker_settings = merge(local.settings, local.prefect_settings, {
    INVOKER_AUTH          = "cloud-run"
    INVOKER_AUDIENCES     = "${local.invoker_url},32555940559.apps.googleusercontent.com"
    INVOKER_ACCOUNTS      = join(",", [for caller in var.callers : split(":", caller)[1]])
    INVOKER_READERS       = join(",", [for reader in local.asking_readers : split(":", reader)[1]])
    INVOKER_PULL          = "false"
    INVOKER_PUSH_REQUESTS = "projects/${var.project}/subscriptions/${local.prefix}requests-invoker"
    INVOKER_PUSH_STATUSES = "projects/${var.project}/subscriptions/${local.prefix}statuses-register"
    INVOKER_PUSH_AUDIENCE = local.invoker_url
    INVOKER_PUSH_ACCOUNT  = google_service_account.role["pusher"].email
    FORWARDED_ALLOW_IPS   = "*"
    PUBLISHED_PATH        = local.mounted
  })

  # where the bucket is a folder of the invoker's
  mounted = "/published"

  # a token names a person or an account, never a group
  asking_readers = [for reader in var.readers : reader if !startswith(reader, "group:")]

  invoker_secrets = merge({ RUNS_URL = "register-url" }, local.prefect_secrets)
}

resource "google_cloud_run_v2_service" "invoker" {
  name                = "invoker"
  location            = var.region
  description         = "The Workload's contact point"
  ingress             = "INGRESS_TRAFFIC_ALL"
  deletion_protection = false

  scaling {
    min_instance_count = 0
  }

  template {
    service_account                  = google_service_account.role["invoker"].email
    timeout                          = "60s"
    max_instance_request_concurrency = 80
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"

    scaling {
      max_instance_count = 3
    }

    vpc_access {
      egress = "PRIVATE_RANGES_ONLY"

      network_interfaces {
        network    = google_compute_network.private.id
        subnetwork = google_compute_subnetwork.private.id
      }
    }

    volumes {
      name = "published"

      gcs {
        bucket    = google_storage_bucket.published.name
        read_only = true
      }
    }

    containers {
      image = local.images["invoker"]

      volume_mounts {
        name       = "published"
        mount_path = local.mounted
      }

      ports {
        container_port = 8080
      }

      resources {
        limits = {
          cpu    = "1"
          memory = "1Gi"
        }
        cpu_idle          = true
        startup_cpu_boost = true
      }

      startup_probe {
        period_seconds    = 1
        failure_threshold = 30

        http_get {
          path = "/healthcheck"
        }
      }

      liveness_probe {
        period_seconds = 30

        http_get {
          path = "/healthcheck"
        }
      }

      dynamic "env" {
        for_each = local.invoker_settings
        content {
          name  = env.key
          value = env.value
        }
      }

      dynamic "env" {
        for_each = local.invoker_secrets
        content {
          name = env.key

          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.held[env.value].secret_id
              version = "latest"
            }
          }
        }
      }
    }
  }

  # a deployment changes which image runs (deployments/images/roll-out.sh)
  lifecycle {
    ignore_changes = [template[0].containers[0].image, client, client_version]
  }

  depends_on = [
    google_secret_manager_secret_iam_member.reader,
    google_secret_manager_secret_version.register_url,
    google_secret_manager_secret_version.prefect_auth,
    google_sql_database.of,
    google_sql_user.of,
    google_storage_bucket_iam_member.invoker,
  ]
}

# Without authentication nobody gets in: no member is allUsers, here or elsewhere
resource "google_cloud_run_v2_service_iam_member" "caller" {
  for_each = merge(
    { for caller in var.callers : caller => caller },
    { for reader in local.asking_readers : reader => reader },
    { for account in ["pusher", "prefect"] : account => google_service_account.role[account].member },
  )
  name     = google_cloud_run_v2_service.invoker.name
  location = var.region
  role     = "roles/run.invoker"
  member   = each.value
}
