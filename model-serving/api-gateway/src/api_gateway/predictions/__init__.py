"""Logged predictions: their index, passports, search and labels."""
