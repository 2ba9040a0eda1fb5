# A network of our own. Nothing in it has a public address; out it goes through a NAT, in nobody comes but by IAP.

resource "google_compute_network" "private" {
  name                    = "rfm"
  auto_create_subnetworks = false

  depends_on = [google_project_service.used]
}

resource "google_compute_subnetwork" "private" {
  name                     = "rfm"
  network                  = google_compute_network.private.id
  ip_cidr_range            = var.range
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }
}

# Cloud SQL and Vertex AI live in networks of Google's, which are peered with ours
resource "google_compute_global_address" "peered" {
  name          = "rfm-peered"
  network       = google_compute_network.private.id
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  prefix_length = 16
}

resource "google_service_networking_connection" "peered" {
  network                 = google_compute_network.private.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.peered.name]

  # Google keeps its end for some days after Cloud SQL is gone; it goes with the network
  deletion_policy = "ABANDON"
}

resource "google_compute_router" "out" {
  name    = "rfm"
  network = google_compute_network.private.id
  region  = var.region
}

# Alerts to chat services and Prefect Cloud are outside of Google's own network
resource "google_compute_router_nat" "out" {
  name                               = "rfm"
  router                             = google_compute_router.out.name
  region                             = var.region
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "ALL_SUBNETWORKS_ALL_IP_RANGES"

  log_config {
    enable = true
    filter = "ERRORS_ONLY"
  }
}

locals {
  # Google's range of the tunnel that IAP opens for those who may
  tunnel = "35.235.240.0/20"
}

resource "google_compute_firewall" "prefect" {
  count       = var.prefect == "server" ? 1 : 0
  name        = "rfm-prefect"
  description = "Prefect's API: for the invoker, the steps, and operators through the tunnel"
  network     = google_compute_network.private.id
  direction   = "INGRESS"
  source_ranges = [
    var.range,
    var.connector_range,
    "${google_compute_global_address.peered.address}/${google_compute_global_address.peered.prefix_length}",
    local.tunnel,
  ]
  target_service_accounts = [google_service_account.role["prefect"].email]

  allow {
    protocol = "tcp"
    ports    = ["4200"]
  }
}

# By which the steps on Cloud Run reach Prefect's server; Prefect Cloud needs none
resource "google_vpc_access_connector" "steps" {
  count         = var.prefect == "server" ? 1 : 0
  name          = "rfm"
  region        = var.region
  network       = google_compute_network.private.name
  ip_cidr_range = var.connector_range
  machine_type  = "e2-micro"
  min_instances = 2
  max_instances = 3
}
