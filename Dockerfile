# One file, an image for each role (docs/images.md). `make images` builds them all.
# The base is pinned by digest. To move to a newer one: docker buildx imagetools inspect python:3.11-slim-bookworm
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84

# --- Packages: each image gets its own lock, checked against the hashes, with bytecode that bears no timestamps.
# A package index of yours: make images INDEX=pip.conf. It is lent to the build and is in no layer.
FROM ${PYTHON_IMAGE} AS packages
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PYTHONDONTWRITEBYTECODE=1
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/venv
COPY deployments/images/install-lock.sh /usr/local/bin/

FROM packages AS invoker-packages
COPY requirements/invoker.txt /requirements.txt
RUN --mount=type=secret,id=index,target=/etc/pip.conf install-lock.sh

FROM packages AS sql-runner-packages
COPY requirements/sql-runner.txt /requirements.txt
RUN --mount=type=secret,id=index,target=/etc/pip.conf install-lock.sh

FROM packages AS rfm-packages
COPY requirements/rfm.txt /requirements.txt
RUN --mount=type=secret,id=index,target=/etc/pip.conf install-lock.sh

FROM packages AS worker-packages
COPY requirements/worker.txt /requirements.txt
RUN --mount=type=secret,id=index,target=/etc/pip.conf install-lock.sh

FROM packages AS prefect-server-packages
COPY requirements/prefect-server.txt /requirements.txt
RUN --mount=type=secret,id=index,target=/etc/pip.conf install-lock.sh

# --- What every image has: nothing runs as root, and nothing writes but to /tmp.
FROM ${PYTHON_IMAGE} AS runtime
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    PREFECT_HOME=/tmp/prefect \
    STACK_PATH=/tmp/stack \
    DO_NOT_TRACK=1
LABEL org.opencontainers.image.source="https://github.com/invoker-rfm/invoker-rfm" \
      org.opencontainers.image.licenses="MIT"
WORKDIR /app

# --- The Workload's contact point: FastAPI. No Prefect, no flows, no SQL; of the model what scores one customer.
FROM runtime AS invoker
COPY --from=invoker-packages /opt/venv /opt/venv
COPY errors.py pipelines.py setting_types.py settings.py sqlite_file.py wiring.py ./
COPY invoker ./invoker
COPY messenger ./messenger
COPY register ./register
COPY rfm ./rfm
COPY snapshot ./snapshot
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app
LABEL org.opencontainers.image.title="invoker" \
      org.opencontainers.image.description="The Workload's contact point: requests in, deployment runs out."
ENV INVOKER_HOST=0.0.0.0 INVOKER_LOG_FORMAT=json
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python3", "-c", \
  "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ.get('INVOKER_PORT', 8080)}/healthcheck\", timeout=4)"]
CMD ["python3", "-m", "invoker"]

# --- The Workload's SQL runner: one dbt step, then it ends. Its platform says which flow run by PREFECT__FLOW_RUN_ID.
FROM runtime AS sql-runner
COPY --from=sql-runner-packages /opt/venv /opt/venv
COPY errors.py pipelines.py setting_types.py settings.py sqlite_file.py wiring.py ./
COPY dbt ./dbt
COPY flows/__init__.py flows/features.py ./flows/
COPY messenger ./messenger
COPY tasks ./tasks
COPY warehouse ./warehouse
COPY workload ./workload
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app
LABEL org.opencontainers.image.title="sql-runner" \
      org.opencontainers.image.description="The Workload's SQL runner: orders to features with dbt, in a Prefect flow run."
USER 10001:10001
HEALTHCHECK NONE
CMD ["python3", "-m", "tasks.execute"]

# --- The Workload's Python app: one scoring step, then it ends.
FROM runtime AS rfm
COPY --from=rfm-packages /opt/venv /opt/venv
COPY errors.py pipelines.py setting_types.py settings.py sqlite_file.py wiring.py ./
COPY flows/__init__.py flows/report.py flows/scoring.py ./flows/
COPY messenger ./messenger
COPY reports ./reports
COPY rfm ./rfm
COPY snapshot ./snapshot
COPY tasks ./tasks
COPY warehouse ./warehouse
COPY watch ./watch
COPY workload ./workload
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app
LABEL org.opencontainers.image.title="rfm" \
      org.opencontainers.image.description="The Workload's Python app: features to scores and segments, in a Prefect flow run."
ARG CODE_VERSION=
ENV CODE_VERSION=${CODE_VERSION}
USER 10001:10001
HEALTHCHECK NONE
CMD ["python3", "-m", "tasks.execute"]

# --- Prefect's workers: they start the steps on Cloud Run and Vertex AI, and the Orchestrator's flows as processes here.
FROM runtime AS worker
COPY --from=worker-packages /opt/venv /opt/venv
COPY errors.py pipelines.py setting_types.py settings.py sqlite_file.py wiring.py ./
COPY flows/__init__.py flows/backfill.py flows/healthcheck.py flows/housekeeping.py flows/orchestrate.py flows/reconcile.py ./flows/
COPY messenger ./messenger
COPY register ./register
COPY tasks ./tasks
COPY warehouse ./warehouse
COPY watch ./watch
RUN python3 -m compileall -q --invalidation-mode unchecked-hash /app
LABEL org.opencontainers.image.title="worker" \
      org.opencontainers.image.description="Prefect's workers, and the Orchestrator's flows."
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python3", "-c", \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/health', timeout=4)"]
ENTRYPOINT ["prefect", "worker", "start", "--with-healthcheck", "--no-create-pool-if-not-found", "--install-policy", "never"]
CMD ["--pool", "orchestrator"]

# --- Prefect's own server: API, UI, schedules and automations, on a Postgres elsewhere.
FROM runtime AS prefect-server
COPY --from=prefect-server-packages /opt/venv /opt/venv
LABEL org.opencontainers.image.title="prefect-server" \
      org.opencontainers.image.description="Prefect's server with the versions that this project was tested with."
ENV PREFECT_SERVER_ANALYTICS_ENABLED=false \
    PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT=false \
    PREFECT_SERVER_UI_STATIC_DIRECTORY=/tmp/ui
USER 10001:10001
EXPOSE 4200
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python3", "-c", \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:4200/api/health', timeout=4)"]
CMD ["prefect", "server", "start", "--host", "0.0.0.0", "--port", "4200"]
