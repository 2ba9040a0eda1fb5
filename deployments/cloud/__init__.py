"""`make deploy`, `make deploy-check`, `make undeploy`: an environment's work pools and deployments, with the Workload
on Google Cloud."""
