output "env" {
  description = "Settings of the environment: terraform output -raw env > deployments/environments/<environment>.env"
  value       = join("\n", concat([for name, value in local.deploy_settings : "${name}=${value}"], [""]))
}

output "repository" {
  description = "Where the images are: make images REPOSITORY=…"
  value       = local.repository
}

output "invoker_url" {
  description = "Where runs are asked for"
  value       = local.invoker_url
}

output "host" {
  description = "Machine of Prefect's server and workers, and its zone"
  value       = { name = google_compute_instance.prefect.name, zone = var.zone }
}

output "bucket" {
  description = "Where results are published"
  value       = google_storage_bucket.published.url
}

output "deployer" {
  description = "For the workflows: provider and service account of the workload identity federation"
  value = {
    provider = one(google_iam_workload_identity_pool_provider.github[*].name)
    account  = one(google_service_account.deployer[*].email)
  }
}
