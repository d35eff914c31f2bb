"""What AWS does for the other rooms: the table, the bucket, queues, events and workflows."""
