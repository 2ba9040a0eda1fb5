"""Where features, scores and the ledger are kept."""
