"""What Prefect runs. Each flow reads like the sentence that describes it."""
