"""The public guides: prose in two languages, code blocks that the tests run as they are printed, the error catalogue."""
