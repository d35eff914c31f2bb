"""What the words mean, without AWS, a clock or the environment."""
