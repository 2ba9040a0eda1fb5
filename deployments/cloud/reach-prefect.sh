#!/usr/bin/env bash
# Runs a command that speaks to an environment's Prefect, such as `make deploy ENV=dev DRY_RUN=1`, `make undeploy ENV=dev`:
# through a tunnel to Prefect's private address, which is lent to this machine meanwhile, and with the credential from
# Secret Manager. Needs gcloud, curl, Linux with sudo, and the rights of an operator (docs/deploy-gcp.md).
#   ENV=dev ZONE=… bash deployments/cloud/reach-prefect.sh COMMAND…
set -euo pipefail
: "${ENV:?dev or prod}" "${ZONE:?the zone of the host}" "${1:?a command}"
cd "$(dirname "$0")/../.."

secret() { gcloud secrets versions access latest --secret "$1"; }

# in a process group of its own: the command gcloud is a shell, whose end alone would leave the tunnel open
tunnel() {
  set -m
  gcloud compute start-iap-tunnel prefect 4200 --zone "$ZONE" --local-host-port "$address:4200" &
  opened=$!
  set +m
}

if grep -q '^PREFECT_API_URL=https://' "deployments/environments/$ENV.env"; then
  PREFECT_API_KEY=$(secret prefect-key)
  export PREFECT_API_KEY
else
  address=$(sed -n 's#^PREFECT_API_URL=http://\([0-9.]*\):4200/api$#\1#p' "deployments/environments/$ENV.env")
  : "${address:?PREFECT_API_URL of deployments/environments/$ENV.env is not http://ADDRESS:4200/api}"
  PREFECT_API_AUTH_STRING=$(secret prefect-auth)
  export PREFECT_API_AUTH_STRING
  sudo ip address replace "$address/32" dev lo
  tunnel
  trap 'kill -- "-$opened" 2>/dev/null || true; sudo ip address delete "$address/32" dev lo' EXIT
  # a host that was just started first pulls its images, and gcloud gives up a tunnel at whose end nobody listens
  for look in $(seq 61); do
    if curl -sf "http://$address:4200/api/health" >/dev/null; then break; fi
    if [ "$look" = 61 ]; then
      echo "Prefect has not answered for five minutes, so this was not done: $*" >&2
      echo "Its log: gcloud logging read 'resource.type=\"gce_instance\"' --freshness=1h" >&2
      exit 1
    fi
    kill -0 "$opened" 2>/dev/null || tunnel
    sleep 5
  done
fi
# the automations tell people by it; without a version of the secret they tell nobody
if ALERTS_URLS=$(secret alerts-urls); then export ALERTS_URLS; fi
"$@"
