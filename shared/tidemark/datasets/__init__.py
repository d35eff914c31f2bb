"""Projects and datasets as users create, list and describe them."""
