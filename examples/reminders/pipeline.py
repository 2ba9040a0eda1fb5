"""The pipeline, as an entry of PIPELINES in pipelines.py."""

from pipelines import Pipeline, Step

REMINDERS = Pipeline("reminders", steps=(Step("remind", flow="remind", confirmed_by="reminders"),))
