"""The soak test: senders, readers and intruders on a deployed stack at once, with everything verified throughout."""
