"""The command `mutoscope`, a thin layer of words around the client. It needs the extra `cli`: typer, rich, Pillow."""
