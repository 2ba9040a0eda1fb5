"""The local stack: Prefect server, workers, fork server and invoker on loopback, under one supervisor."""
