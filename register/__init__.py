"""The register of runs: which were asked for, under which attempt, and the news about them."""
