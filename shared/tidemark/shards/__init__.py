"""Each shard's log: frame versions, commits, and the transaction that appends a window."""
