"""Records of what users define: projects, class maps, and datasets with their schemas."""
