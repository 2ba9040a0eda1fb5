# BigQuery: `raw` is the user's system's, `rfm` is ours. The bucket has what is published for readers.

resource "google_bigquery_dataset" "raw" {
  #checkov:skip=CKV_GCP_81:encrypted by keys of Google's; keys of one's own are the decision of an organisation
  dataset_id                 = "raw"
  description                = "Orders as they are delivered: raw.orders"
  location                   = var.region
  delete_contents_on_destroy = !var.kept

  depends_on = [google_project_service.used]
}

resource "google_bigquery_dataset" "rfm" {
  #checkov:skip=CKV_GCP_81:encrypted by keys of Google's; keys of one's own are the decision of an organisation
  dataset_id                 = "rfm"
  description                = "Features, scores, segments, and the ledger of runs"
  location                   = var.region
  delete_contents_on_destroy = !var.kept

  depends_on = [google_project_service.used]
}

resource "google_storage_bucket" "published" {
  #checkov:skip=CKV_GCP_62:who reads is in Cloud Audit Logs; access logs of the bucket would need another bucket
  name                        = "${var.project}-rfm"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = !var.kept

  versioning {
    enabled = true
  }

  # a file that was replaced can be had back for a month, and whoever reads it at that moment reads it to its end
  lifecycle_rule {
    action {
      type = "Delete"
    }
    condition {
      days_since_noncurrent_time = 30
    }
  }

  depends_on = [google_project_service.used]
}

locals {
  dataset_rights = {
    "sql-runner raw" = { account = "sql-runner", dataset = "raw", role = "roles/bigquery.dataViewer" }
    "sql-runner rfm" = { account = "sql-runner", dataset = "rfm", role = "roles/bigquery.dataEditor" }
    "python-app rfm" = { account = "python-app", dataset = "rfm", role = "roles/bigquery.dataEditor" }
    "prefect rfm"    = { account = "prefect", dataset = "rfm", role = "roles/bigquery.dataEditor" }
  }
  datasets = {
    raw = google_bigquery_dataset.raw.dataset_id
    rfm = google_bigquery_dataset.rfm.dataset_id
  }
}

resource "google_bigquery_dataset_iam_member" "role" {
  for_each   = local.dataset_rights
  dataset_id = local.datasets[each.value.dataset]
  role       = each.value.role
  member     = google_service_account.role[each.value.account].member
}

resource "google_bigquery_dataset_iam_member" "reader" {
  for_each   = toset(var.readers)
  dataset_id = google_bigquery_dataset.rfm.dataset_id
  role       = "roles/bigquery.dataViewer"
  member     = each.key
}

resource "google_storage_bucket_iam_member" "publisher" {
  bucket = google_storage_bucket.published.name
  role   = "roles/storage.objectUser"
  member = google_service_account.role["python-app"].member
}

# The invoker answers from the snapshots and shows the reports
resource "google_storage_bucket_iam_member" "invoker" {
  bucket = google_storage_bucket.published.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.role["invoker"].member
}

resource "google_storage_bucket_iam_member" "reader" {
  for_each = toset(var.readers)
  bucket   = google_storage_bucket.published.name
  role     = "roles/storage.objectViewer"
  member   = each.key
}
