"""Pushing rows: what is pushed (`rows`), how it travels, and what becomes of it (`follow`, `report`).

There are two ways to travel (`travel`): rows in requests (`by_requests`, cut by `requests`), and files as they are
(`by_files`, announced by `files`).
"""
