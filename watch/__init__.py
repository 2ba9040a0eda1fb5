"""What the Orchestrator watches over besides its runs: alerts, health, lateness, and what is left lying about."""
