"""What the steps do, in plain functions that need neither Prefect nor a Messenger."""
