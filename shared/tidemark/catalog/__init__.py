"""Definitions: projects, class maps, datasets and their schemas."""
