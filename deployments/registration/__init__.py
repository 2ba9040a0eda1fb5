"""Work pools and deployments in Prefect, as prefect.yaml and the settings of an environment say. Used by the local
stack and by `make deploy`."""
