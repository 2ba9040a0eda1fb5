"""Checks of deployments/terraform that need neither a cloud nor Terraform: `python -m deployments.infrastructure`."""
