"""Snapshots: the results of one run_date in a file that can be asked, written by the Workload, read by the invoker."""
