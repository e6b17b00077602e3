"""Formats of times on all pages: with the time zone."""
