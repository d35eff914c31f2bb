"""One submission of mutations, followed from its first row to its last outcome."""
