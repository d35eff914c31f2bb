"""Recovery of uploads: resuming after a crash, retrying, and giving up."""
