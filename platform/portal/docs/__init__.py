"""The public guides: prose in two languages, programs that the tests run as they are printed, the error catalogue."""
