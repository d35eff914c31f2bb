"""Pushing rows: what is pushed (`rows`), how it travels (`travel`), and what becomes of it (`follow`, `report`)."""
