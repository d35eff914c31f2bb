"""Checkpoints, which are named versions, with their manifests, statistics and exports."""
