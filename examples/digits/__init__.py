"""The handwritten digits of scikit-learn as a dataset that keeps changing: what `make demo` runs."""
