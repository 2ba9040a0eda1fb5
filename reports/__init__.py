"""The report of a run: its figures as data, and the same as a page that people read. Plain Python."""
