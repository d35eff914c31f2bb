"""Defines frames, sensors and labels, and how mutations change them."""
