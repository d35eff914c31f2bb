"""The demo that `make demo` runs: scikit-learn's handwritten digits as a dataset that keeps changing."""
