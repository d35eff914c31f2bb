"""What the words mean: frames, labels, mutations, windows, versions. Pure: no network, no clock, no environment."""
