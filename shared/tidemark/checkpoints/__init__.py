"""Named versions, their manifests and statistics, and their exports."""
