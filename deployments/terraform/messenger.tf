# The Messenger on Pub/Sub: the names, leases and limits of messenger/pubsub_resources.py, which a test compares.

locals {
  prefix       = "rfm-"
  pubsub_agent = "serviceAccount:service-${local.number}@gcp-sa-pubsub.iam.gserviceaccount.com"

  topics = toset(["requests", "statuses", "dead-letters"])

  # the topic of each subscription that pushes to the invoker
  pushed = {
    requests-invoker  = "requests"
    statuses-register = "statuses"
  }
  subscriptions = merge(
    { for name, subscription in google_pubsub_subscription.pushed : name => subscription.id },
    { dead-letters = google_pubsub_subscription.dead_letters.id },
  )
}

resource "google_pubsub_topic" "of" {
  #checkov:skip=CKV_GCP_83:encrypted by keys of Google's; keys of one's own are the decision of an organisation
  for_each = local.topics
  name     = "${local.prefix}${each.key}"

  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }

  depends_on = [google_project_service.used]
}

resource "google_pubsub_subscription" "pushed" {
  for_each = local.pushed
  name     = "${local.prefix}${each.key}"
  topic    = google_pubsub_topic.of[each.value].id

  # the invoker answers within its own time limit, or Pub/Sub delivers again
  ack_deadline_seconds       = 60
  message_retention_duration = "604800s"

  # never: a quiet month must not remove it
  expiration_policy {
    ttl = ""
  }

  # the answer 503 is all that Pub/Sub gets to know
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }

  # Pub/Sub gives up long after the invoker has: an hour and more of 503 while Prefect is down loses nothing
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.of["dead-letters"].id
    max_delivery_attempts = 100
  }

  push_config {
    push_endpoint = "${local.invoker_url}/pubsub/push"

    oidc_token {
      service_account_email = google_service_account.role["pusher"].email
      audience              = local.invoker_url
    }
  }

  depends_on = [google_service_account_iam_member.signed_by_pubsub]
}

resource "google_pubsub_subscription" "dead_letters" {
  name  = "${local.prefix}dead-letters"
  topic = google_pubsub_topic.of["dead-letters"].id

  ack_deadline_seconds       = 60
  message_retention_duration = "2678400s"

  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_topic_iam_member" "publisher" {
  for_each = merge([
    for account, topics in local.publishers : { for topic in topics : "${account} ${topic}" => { account = account, topic = topic } }
  ]...)
  topic  = google_pubsub_topic.of[each.value.topic].id
  role   = "roles/pubsub.publisher"
  member = google_service_account.role[each.value.account].member
}

# The invoker at its start, and the health check, look whether everything is there
resource "google_pubsub_topic_iam_member" "viewer" {
  for_each = merge([
    for account in local.lookers : { for topic in local.topics : "${account} ${topic}" => { account = account, topic = topic } }
  ]...)
  topic  = google_pubsub_topic.of[each.value.topic].id
  role   = "roles/pubsub.viewer"
  member = google_service_account.role[each.value.account].member
}

# The invoker replays and lists dead letters; the subscriptions that push to it are its own
resource "google_pubsub_subscription_iam_member" "viewer" {
  for_each     = local.subscriptions
  subscription = each.value
  role         = "roles/pubsub.viewer"
  member       = google_service_account.role["invoker"].member
}

resource "google_pubsub_subscription_iam_member" "subscriber" {
  for_each     = local.subscriptions
  subscription = each.value
  role         = "roles/pubsub.subscriber"
  member       = google_service_account.role["invoker"].member
}

# The Orchestrator makes a subscription for each run that it waits for, and removes it
resource "google_project_iam_custom_role" "waiter" {
  role_id     = "rfmWaiter"
  title       = "RFM waiter"
  description = "Makes, uses and removes subscriptions of its own"
  permissions = [
    "pubsub.subscriptions.consume",
    "pubsub.subscriptions.create",
    "pubsub.subscriptions.delete",
    "pubsub.subscriptions.get",
    "pubsub.subscriptions.list",
  ]
}

resource "google_project_iam_member" "waiter" {
  project = var.project
  role    = google_project_iam_custom_role.waiter.id
  member  = google_service_account.role["prefect"].member
}

resource "google_pubsub_topic_iam_member" "waiter" {
  topic  = google_pubsub_topic.of["statuses"].id
  role   = "roles/pubsub.subscriber"
  member = google_service_account.role["prefect"].member
}

# Pub/Sub itself moves to the dead letters what nobody acknowledges, and takes it off its subscription
resource "google_pubsub_topic_iam_member" "buried_by_pubsub" {
  topic  = google_pubsub_topic.of["dead-letters"].id
  role   = "roles/pubsub.publisher"
  member = local.pubsub_agent
}

resource "google_pubsub_subscription_iam_member" "buried_by_pubsub" {
  for_each     = google_pubsub_subscription.pushed
  subscription = each.value.id
  role         = "roles/pubsub.subscriber"
  member       = local.pubsub_agent
}
