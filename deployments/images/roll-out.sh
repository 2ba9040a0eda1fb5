#!/usr/bin/env bash
# Rolls out images that were pushed: a new revision of the invoker, the host of Prefect started anew, and the flows'
# deployments. Needs gcloud, and rights as those of the deployer (docs/deploy-gcp.md).
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
bash deployments/cloud/reach-prefect.sh make deploy ENV="$ENV"
