"""The Workload's contact point: takes requests over HTTP, by pull or by push, and starts the step's deployment."""
