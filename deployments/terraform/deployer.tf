# GitHub's workflows deploy without a key: their token is exchanged for that of the deployer, for one repository and
# its protected environment only (workload identity federation).

resource "google_iam_workload_identity_pool" "github" {
  count                     = var.github_repository == "" ? 0 : 1
  workload_identity_pool_id = "github"
  display_name              = "GitHub's workflows"

  depends_on = [google_project_service.used]
}

resource "google_iam_workload_identity_pool_provider" "github" {
  #checkov:skip=CKV_GCP_125:the repository and its environment are required; the rule cannot read a variable
  count                              = length(google_iam_workload_identity_pool.github)
  workload_identity_pool_id          = google_iam_workload_identity_pool.github[count.index].workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  attribute_condition                = "assertion.sub == 'repo:${var.github_repository}:environment:${var.environment}'"

  attribute_mapping = {
    "google.subject"       = "assertion.sub"
    "attribute.repository" = "assertion.repository"
  }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "deployer" {
  count        = length(google_iam_workload_identity_pool.github)
  account_id   = "deployer"
  display_name = "Deployer: GitHub's workflows"
}

resource "google_service_account_iam_member" "federated" {
  count              = length(google_iam_workload_identity_pool.github)
  service_account_id = google_service_account.deployer[count.index].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.github[count.index].name}/subject/repo:${var.github_repository}:environment:${var.environment}"
}

resource "google_artifact_registry_repository_iam_member" "deployer" {
  count      = length(google_service_account.deployer)
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.deployer[count.index].member
}

# A new version is a new revision of the invoker, and the host started anew with other images
resource "google_cloud_run_v2_service_iam_member" "deployer" {
  count    = length(google_service_account.deployer)
  name     = google_cloud_run_v2_service.invoker.name
  location = var.region
  role     = "roles/run.developer"
  member   = google_service_account.deployer[count.index].member
}

resource "google_project_iam_custom_role" "deployer" {
  role_id     = "rfmDeployer"
  title       = "RFM deployer"
  description = "Changes which images the host runs, and starts it anew"
  permissions = [
    "compute.instances.get",
    "compute.instances.setMetadata",
    "compute.instances.start",
    "compute.instances.stop",
    "compute.projects.get",
    "compute.zoneOperations.get",
  ]
}

resource "google_project_iam_member" "deployer" {
  count   = length(google_service_account.deployer)
  project = var.project
  role    = google_project_iam_custom_role.deployer.id
  member  = google_service_account.deployer[count.index].member
}

resource "google_service_account_iam_member" "deployed" {
  for_each           = var.github_repository == "" ? toset([]) : toset(["invoker", "prefect"])
  service_account_id = google_service_account.role[each.key].name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.deployer[0].member
}
