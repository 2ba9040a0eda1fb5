# One small Postgres: Prefect's history and the register of runs. Reached by its private address only, over TLS.

resource "google_sql_database_instance" "postgres" {
  #checkov:skip=CKV_GCP_109:the rule asks for debug messages; errors are what is logged
  #checkov:skip=CKV_GCP_6:connections must be TLS and have a password; certificates of clients would be key files
  name                = "rfm"
  database_version    = "POSTGRES_18"
  deletion_protection = var.kept

  settings {
    edition                     = "ENTERPRISE"
    tier                        = var.database_tier
    availability_type           = var.database_standby ? "REGIONAL" : "ZONAL"
    deletion_protection_enabled = var.kept
    disk_autoresize             = true
    user_labels                 = local.labels

    ip_configuration {
      ipv4_enabled    = false
      private_network = google_compute_network.private.id
      ssl_mode        = "ENCRYPTED_ONLY"
    }

    backup_configuration {
      enabled                        = true
      point_in_time_recovery_enabled = true
      start_time                     = "02:00"

      backup_retention_settings {
        retained_backups = 14
      }
    }

    maintenance_window {
      day          = 7
      hour         = 3
      update_track = "stable"
    }

    insights_config {
      query_insights_enabled = true
    }

    database_flags {
      name  = "cloudsql.enable_pgaudit"
      value = "on"
    }

    database_flags {
      name  = "log_checkpoints"
      value = "on"
    }

    database_flags {
      name  = "log_connections"
      value = "on"
    }

    database_flags {
      name  = "log_disconnections"
      value = "on"
    }

    database_flags {
      name  = "log_duration"
      value = "on"
    }

    database_flags {
      name  = "log_hostname"
      value = "on"
    }

    database_flags {
      name  = "log_lock_waits"
      value = "on"
    }

    database_flags {
      name  = "log_min_messages"
      value = "error"
    }

    database_flags {
      name  = "log_statement"
      value = "ddl"
    }
  }

  depends_on = [google_service_networking_connection.peered]
}

resource "google_sql_database" "of" {
  for_each = local.databases
  name     = each.key
  instance = google_sql_database_instance.postgres.name

  # both go with the instance; Postgres drops no user that still has tables
  deletion_policy = "ABANDON"
}

resource "google_sql_user" "of" {
  for_each            = local.databases
  name                = each.key
  instance            = google_sql_database_instance.postgres.name
  password_wo         = ephemeral.random_password.database[each.key].result
  password_wo_version = var.secrets_version
  deletion_policy     = "ABANDON"
}

locals {
  database_address = google_sql_database_instance.postgres.private_ip_address
}
