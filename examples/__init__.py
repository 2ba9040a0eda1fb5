"""Examples, tested as the rest is: a notebook, and a second pipeline."""
