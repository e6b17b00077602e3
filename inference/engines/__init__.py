"""The engines: one folder each, found through the catalogue by their dotted path."""
