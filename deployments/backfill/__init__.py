"""`make backfill`: asks the stack for a backfill, shows how it goes, and takes an interrupted one up again."""
