"""The Workload's contact point: takes requests and starts the step's deployment."""
