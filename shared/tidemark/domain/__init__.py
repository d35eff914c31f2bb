"""Defines Tidemark's concepts and rules, without AWS, a clock or the environment."""
