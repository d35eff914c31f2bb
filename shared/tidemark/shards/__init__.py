"""Each shard's log: its frame versions and commits, and the transaction that appends a window."""
