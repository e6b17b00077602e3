"""The engines, one folder each. The catalogue names them by dotted path."""
