"""The deployed stack on one machine: an emulator process, adapted where it differs from AWS, and a deployer for it."""
