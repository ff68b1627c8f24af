"""What tests of this package and of its adapters share."""
