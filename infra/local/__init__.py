"""Runs the stack on this machine: starts an AWS emulator, patched where it differs from AWS, and deploys to it."""
