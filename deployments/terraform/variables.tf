# --- Where

variable "environment" {
  description = "Name of the environment, as in `make deploy ENV=…`"
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "The environments are dev and prod."
  }
}

variable "project" {
  description = "Id of the Google Cloud project; one for each environment"
  type        = string
}

variable "region" {
  description = "Of everything: Cloud Run, Vertex AI, BigQuery, Cloud SQL"
  type        = string
}

variable "zone" {
  description = "Of the host of Prefect, in the region"
  type        = string
}

variable "range" {
  description = "Private addresses of the subnet"
  type        = string
  default     = "10.20.0.0/24"
}

variable "connector_range" {
  description = "Private addresses, 16 of them, from which Cloud Run's jobs reach Prefect"
  type        = string
  default     = "10.20.1.0/28"
}

# --- What runs

variable "image_tag" {
  description = "Which images run: the tag under which `make images` pushed them. A deployment changes it, so each apply is told the one of now"
  type        = string
}

variable "prefect" {
  description = "server: a Prefect server of yours on the host; cloud: Prefect Cloud, with its API key in a secret"
  type        = string
  default     = "server"

  validation {
    condition     = contains(["server", "cloud"], var.prefect)
    error_message = "Prefect runs as a server of yours (server) or is Prefect Cloud (cloud)."
  }
}

variable "prefect_cloud_api_url" {
  description = "With prefect = \"cloud\": https://api.prefect.cloud/api/accounts/…/workspaces/…"
  type        = string
  default     = ""

  validation {
    condition     = var.prefect != "cloud" || startswith(var.prefect_cloud_api_url, "https://")
    error_message = "Prefect Cloud needs prefect_cloud_api_url."
  }
}

variable "pools" {
  description = "Work pools that get a worker on the host: orchestrator, and those of the platforms that steps and reports run on"
  type        = list(string)
  default     = ["orchestrator", "sql-runner-cloud-run", "python-app-cloud-run", "python-app-vertex-ai"]
}

variable "steps_elsewhere" {
  description = "Steps that run elsewhere than on Cloud Run: pipeline/step=vertex-ai, with commas between them"
  type        = string
  default     = "rfm/scoring=vertex-ai"
}

variable "host_machine" {
  description = "Machine type of the host of Prefect"
  type        = string
  default     = "e2-medium"
}

variable "host_image" {
  description = "Container-Optimized OS of the host of Prefect"
  type        = string
  default     = "projects/cos-cloud/global/images/family/cos-stable"
}

variable "database_tier" {
  description = "Machine of the Postgres that Prefect and the register of runs share"
  type        = string
  default     = "db-g1-small"
}

variable "database_standby" {
  description = "Whether the Postgres has a standby in another zone, at twice the price"
  type        = bool
  default     = false
}

variable "kept" {
  description = "Whether database, tables and files are protected from being removed"
  type        = bool
  default     = true
}

variable "settings" {
  description = "More settings of the system (.env.example), for invoker and orchestrator; no secrets"
  type        = map(string)
  default     = {}
}

# --- Who

variable "callers" {
  description = "Who may ask for runs: user:…@… or serviceAccount:…@…"
  type        = list(string)

  validation {
    condition     = alltrue([for caller in var.callers : can(regex("^(user|serviceAccount):[^@]+@[^@]+$", caller))])
    error_message = "Callers are named one by one, as user:… or serviceAccount:…; never allUsers."
  }
}

variable "operators" {
  description = "Who may see Prefect's UI and deploy flows through the tunnel: user:…, group:… or serviceAccount:…"
  type        = list(string)
  default     = []
}

variable "readers" {
  description = "Who may read scores and segments: user:…, group:… or serviceAccount:…; a group in BigQuery and the bucket alone, others through the invoker too"
  type        = list(string)
  default     = []
}

variable "github_repository" {
  description = "owner/name of the repository whose workflows may deploy; empty: none"
  type        = string
  default     = ""
}

# --- How it is watched

variable "alert_email" {
  description = "Where alerts go to"
  type        = string
}

variable "alerts" {
  description = "Whether the secret alerts-urls has a version; then the steps too tell people, of drift and failed reports"
  type        = bool
  default     = false
}

variable "billing_account" {
  description = "Billing account of the budget; empty: no budget"
  type        = string
  default     = ""
}

variable "budget" {
  description = "Of a month, in the currency of the billing account; alerts at half, nine tenths and all of it"
  type        = number
  default     = 100
}
