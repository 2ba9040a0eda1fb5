"""The steps of the flows as Prefect tasks: thin, one file per verb."""
