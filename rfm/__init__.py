"""The model: rules, edges, scores, segments. Plain Python; no Prefect, no warehouse."""
