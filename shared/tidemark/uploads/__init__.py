"""An upload of mutations, from its first row to the outcome of its last."""
