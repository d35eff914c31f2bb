"""Adapters to AWS: the table, the bucket, queues, events and workflows."""
