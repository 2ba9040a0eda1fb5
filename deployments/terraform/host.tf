# The host of Prefect: its server (unless Prefect Cloud is used) and a worker for each pool, as containers on
# Container-Optimized OS. Nothing of it is kept: history and register are in Postgres. A change of
# this file makes it anew.

resource "google_compute_address" "prefect" {
  name         = "rfm-prefect"
  subnetwork   = google_compute_subnetwork.private.id
  address_type = "INTERNAL"
  region       = var.region
}

locals {
  host_files = {
    server     = var.prefect == "server"
    pools      = var.pools
    repository = local.repository
    project    = var.project
    region     = var.region
    settings = merge(local.settings, local.prefect_settings, local.links, {
      HEALTH_INVOKER         = local.invoker_url
      HOUSEKEEPING_CLOUD_RUN = "projects/${var.project}/locations/${var.region}"
    })
    secrets = {
      server = { PREFECT_API_DATABASE_CONNECTION_URL = "prefect-database-url", PREFECT_SERVER_API_AUTH_STRING = "prefect-auth" }
      worker = merge({ RUNS_URL = "register-url", ALERTS_URLS = "alerts-urls" }, local.prefect_secrets)
    }
  }
  cloud_init = templatefile("${path.module}/host.yaml.tftpl", local.host_files)
}

resource "terraform_data" "cloud_init" {
  input = sha256(local.cloud_init)
}

resource "google_compute_instance" "prefect" {
  #checkov:skip=CKV_GCP_38:encrypted by keys of Google's; keys of one's own are the decision of an organisation
  name                      = "prefect"
  description               = "Prefect's server and workers"
  machine_type              = var.host_machine
  zone                      = var.zone
  allow_stopping_for_update = true

  boot_disk {
    initialize_params {
      image = var.host_image
      size  = 20
      type  = "pd-balanced"
    }
  }

  network_interface {
    subnetwork = google_compute_subnetwork.private.id
    network_ip = google_compute_address.prefect.address
  }

  metadata = {
    # which images run; a deployment changes it and starts the host anew (deployments/images/roll-out.sh)
    image-tag = var.image_tag

    user-data              = local.cloud_init
    block-project-ssh-keys = "true"
    enable-oslogin         = "TRUE"
    google-logging-enabled = "true"
  }

  service_account {
    email  = google_service_account.role["prefect"].email
    scopes = ["cloud-platform"]
  }

  shielded_instance_config {
    enable_secure_boot          = true
    enable_vtpm                 = true
    enable_integrity_monitoring = true
  }

  scheduling {
    automatic_restart   = true
    on_host_maintenance = "MIGRATE"
  }

  lifecycle {
    replace_triggered_by = [terraform_data.cloud_init]
    ignore_changes       = [metadata["image-tag"]]
  }

  depends_on = [
    google_artifact_registry_repository_iam_member.reader,
    google_compute_router_nat.out,
    google_secret_manager_secret_iam_member.reader,
    google_secret_manager_secret_version.prefect_auth,
    google_secret_manager_secret_version.prefect_database_url,
    google_secret_manager_secret_version.register_url,
    google_sql_database.of,
    google_sql_user.of,
  ]
}

# Operators reach Prefect's UI and API through a tunnel that IAP opens: gcloud compute start-iap-tunnel prefect 4200
locals {
  operators = merge(
    { for operator in var.operators : operator => operator },
    { for deployer in google_service_account.deployer : "deployer" => deployer.member },
  )
}

resource "google_iap_tunnel_instance_iam_member" "operator" {
  for_each = local.operators
  instance = google_compute_instance.prefect.name
  zone     = var.zone
  role     = "roles/iap.tunnelResourceAccessor"
  member   = each.value
}

resource "google_project_iam_member" "operator" {
  for_each = toset(var.operators)
  project  = var.project
  role     = "roles/compute.viewer"
  member   = each.key
}

resource "google_secret_manager_secret_iam_member" "operator" {
  for_each  = local.operators
  secret_id = google_secret_manager_secret.held[one(values(local.prefect_secrets))].id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value
}

# `make deploy` writes into Prefect whom its automations tell
resource "google_secret_manager_secret_iam_member" "told" {
  for_each  = local.operators
  secret_id = google_secret_manager_secret.held["alerts-urls"].id
  role      = "roles/secretmanager.secretAccessor"
  member    = each.value
}
