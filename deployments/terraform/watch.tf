# What a person must know: messages that died, an invoker that fails, a host that is silent, money.

resource "google_monitoring_notification_channel" "mail" {
  display_name = "RFM ${var.environment}"
  type         = "email"

  labels = {
    email_address = var.alert_email
  }

  depends_on = [google_project_service.used]
}

locals {
  alerts = {
    dead-letters = {
      title   = "messages in the dead letters"
      text    = "make dead-letters lists them with the reason; docs/messenger.md says what to do."
      filter  = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${local.prefix}dead-letters\" AND metric.type = \"pubsub.googleapis.com/subscription/num_undelivered_messages\""
      above   = 0
      lasting = "0s"
      align   = "ALIGN_MAX"
    }
    backlog = {
      title   = "a message has not been taken for an hour"
      text    = "The invoker or Prefect is down: look at the invoker's log and at the host."
      filter  = "resource.type = \"pubsub_subscription\" AND resource.labels.subscription_id = \"${local.prefix}requests-invoker\" AND metric.type = \"pubsub.googleapis.com/subscription/oldest_unacked_message_age\""
      above   = 3600
      lasting = "0s"
      align   = "ALIGN_MAX"
    }
    invoker-errors = {
      title   = "the invoker answers with errors"
      text    = "Its log in Cloud Run says why; /readiness names the part that cannot be reached."
      filter  = "resource.type = \"cloud_run_revision\" AND resource.labels.service_name = \"invoker\" AND metric.type = \"run.googleapis.com/request_count\" AND metric.labels.response_code_class = \"5xx\""
      above   = 0.05
      lasting = "600s"
      align   = "ALIGN_RATE"
    }
    database-disk = {
      title   = "the Postgres is nearly full"
      text    = "Its disk grows by itself; look at what grows, and at the housekeeping flow."
      filter  = "resource.type = \"cloudsql_database\" AND metric.type = \"cloudsql.googleapis.com/database/disk/utilization\""
      above   = 0.9
      lasting = "600s"
      align   = "ALIGN_MAX"
    }
  }
}

resource "google_monitoring_alert_policy" "above" {
  for_each              = local.alerts
  display_name          = "RFM ${var.environment}: ${each.value.title}"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.mail.id]

  documentation {
    content = each.value.text
  }

  conditions {
    display_name = each.value.title

    condition_threshold {
      filter          = each.value.filter
      comparison      = "COMPARISON_GT"
      threshold_value = each.value.above
      duration        = each.value.lasting

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = each.value.align
      }
    }
  }
}

resource "google_monitoring_alert_policy" "host_silent" {
  display_name          = "RFM ${var.environment}: the host of Prefect is silent"
  combiner              = "OR"
  notification_channels = [google_monitoring_notification_channel.mail.id]

  documentation {
    content = "gcloud compute instances reset prefect starts it anew; nothing on it is kept."
  }

  conditions {
    display_name = "no word from the host"

    condition_absent {
      filter   = "resource.type = \"gce_instance\" AND metric.type = \"compute.googleapis.com/instance/uptime\" AND metadata.system_labels.name = \"prefect\""
      duration = "600s"

      aggregations {
        alignment_period   = "300s"
        per_series_aligner = "ALIGN_RATE"
      }
    }
  }
}

resource "google_billing_budget" "month" {
  count           = var.billing_account == "" ? 0 : 1
  billing_account = var.billing_account
  display_name    = "RFM ${var.environment}"

  budget_filter {
    projects = ["projects/${local.number}"]
  }

  amount {
    specified_amount {
      units = tostring(var.budget)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.9, 1.0]
    content {
      threshold_percent = threshold_rules.value
    }
  }

  all_updates_rule {
    monitoring_notification_channels = [google_monitoring_notification_channel.mail.id]
  }
}
