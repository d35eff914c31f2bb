"""How things are kept: keys and items of the table, packs in S3, messages on the queues."""
