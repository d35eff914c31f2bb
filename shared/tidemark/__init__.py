"""Tidemark: a versioned store for machine-learning datasets that keep changing.

Each folder is a room with one subject. CONTRIBUTING.md has the map.
"""
