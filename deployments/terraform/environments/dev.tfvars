# Change what is yours: project, region, people. Each apply gets -var image_tag=… (docs/deploy-gcp.md).
environment = "dev"
project     = "my-project-dev"
region      = "europe-west1"
zone        = "europe-west1-b"

callers     = ["user:analyst@example.com"]
operators   = ["user:engineer@example.com"]
readers     = ["user:analyst@example.com"]
alert_email = "engineer@example.com"

kept   = false
budget = 100
