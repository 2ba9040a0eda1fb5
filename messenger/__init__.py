"""The Messenger: the contract between Orchestrator and Workload, and what carries it."""
