"""The soak: senders, readers and troublemakers on a deployed stack, side by side, everything verified all along."""
