"""A second pipeline in small: whom to write to personally this week. docs/your-model.md goes through it."""
