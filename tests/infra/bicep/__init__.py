"""What `infra/` would deploy, worked out without Azure: see `evaluate.deploy`."""
