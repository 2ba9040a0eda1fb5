#!/usr/bin/env bash
# Rolls out images that were pushed: a new revision of the invoker, the host of Prefect started anew, and the flows'
# deployments through a tunnel. Needs gcloud, and rights as those of the deployer (docs/deploy-gcp.md).
#   ENV=dev TAG=… REPOSITORY=… REGION=… ZONE=… bash deployments/images/roll-out.sh
set -euo pipefail
: "${ENV:?dev or prod}" "${TAG:?the tag of the images}" "${REPOSITORY:?terraform output repository}"
: "${REGION:?the region}" "${ZONE:?the zone of the host}"
cd "$(dirname "$0")/../.."

gcloud run services update invoker --region "$REGION" --image "$REPOSITORY/invoker:$TAG" --quiet

# stopped, not reset: the workers get half a minute to tell Prefect
gcloud compute instances add-metadata prefect --zone "$ZONE" --metadata "image-tag=$TAG"
gcloud compute instances stop prefect --zone "$ZONE"
gcloud compute instances start prefect --zone "$ZONE"

export DEPLOY_SQL_RUNNER_IMAGE="$REPOSITORY/sql-runner:$TAG" DEPLOY_RFM_IMAGE="$REPOSITORY/rfm:$TAG"
if grep -q '^PREFECT_API_URL=https://api.prefect.cloud' "deployments/environments/$ENV.env"; then
  PREFECT_API_KEY=$(gcloud secrets versions access latest --secret prefect-key)
  export PREFECT_API_KEY
else
  # `make deploy` speaks to the address that the containers use: it leads into the tunnel while this script runs
  address=$(sed -n 's#^PREFECT_API_URL=http://\([0-9.]*\):4200/api$#\1#p' "deployments/environments/$ENV.env")
  sudo ip address replace "$address/32" dev lo
  gcloud compute start-iap-tunnel prefect 4200 --zone "$ZONE" --local-host-port "$address:4200" &
  trap 'kill %1; sudo ip address delete "$address/32" dev lo' EXIT
  for _ in $(seq 60); do
    if curl -sf "http://$address:4200/api/health" >/dev/null; then break; fi
    sleep 5
  done
  PREFECT_API_AUTH_STRING=$(gcloud secrets versions access latest --secret prefect-auth)
  export PREFECT_API_AUTH_STRING
fi
# the automations tell people by it; without a version of the secret they tell nobody
if ALERTS_URLS=$(gcloud secrets versions access latest --secret alerts-urls); then export ALERTS_URLS; fi
make deploy ENV="$ENV"
