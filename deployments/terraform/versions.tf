terraform {
  # write-only arguments: passwords are made during the apply and are in no state and no plan
  required_version = ">= 1.11"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }

  # terraform init -backend-config="bucket=PROJECT-terraform"
  backend "gcs" {
    prefix = "invoker-rfm"
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = local.labels

  # budgets are asked for in the name of a project
  billing_project       = var.project
  user_project_override = true
}

data "google_project" "this" {
  project_id = var.project

  depends_on = [google_project_service.used]
}

locals {
  labels = {
    system      = "invoker-rfm"
    environment = var.environment
  }
  number = data.google_project.this.number
}
