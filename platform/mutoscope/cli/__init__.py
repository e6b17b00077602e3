"""The command `mutoscope`, a thin layer over the client. It needs the extra `cli`: typer, rich and Pillow."""
