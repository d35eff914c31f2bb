"""Adapters to AWS for the other rooms: the table, the bucket, queues, events and workflows."""
