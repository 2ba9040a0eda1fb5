# Change what is yours: project, region, people. Each apply gets -var image_tag=… (docs/deploy-gcp.md).
environment = "prod"
project     = "my-project-prod"
region      = "europe-west1"
zone        = "europe-west1-b"

callers     = ["serviceAccount:marketing@my-project-prod.iam.gserviceaccount.com"]
operators   = ["group:data-engineers@example.com"]
readers     = ["group:marketing@example.com"]
alert_email = "data-engineers@example.com"

database_tier    = "db-custom-1-3840"
database_standby = true
budget           = 300
