"""What stands beside the protocols."""
