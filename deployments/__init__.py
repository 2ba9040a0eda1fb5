"""How the system is put in place: work pools, deployments, the local stack."""
