resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:encrypted by keys of Google's; keys of one's own are the decision of an organisation
  repository_id = "rfm"
  location      = var.region
  format        = "DOCKER"
  description   = "The images of the roles"

  docker_config {
    immutable_tags = true
  }

  cleanup_policies {
    id     = "old"
    action = "DELETE"

    condition {
      older_than = "2592000s"
    }
  }

  cleanup_policies {
    id     = "newest"
    action = "KEEP"

    most_recent_versions {
      keep_count = 10
    }
  }

  depends_on = [google_project_service.used]
}

resource "google_artifact_registry_repository_iam_member" "reader" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = google_service_account.role["prefect"].member
}

locals {
  repository = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
  images     = { for name in ["invoker", "sql-runner", "rfm", "worker", "prefect-server"] : name => "${local.repository}/${name}:${var.image_tag}" }
}
