"""`mutoscope`, and `python -m mutoscope`."""

import sys

_INSTALL = "pip install typer rich pillow"


def main() -> None:
    try:
        from mutoscope.cli.app import main as run  # noqa: PLC0415 (its packages are an extra)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "mutoscope":
            raise
        sys.exit(f"The command line needs the package {error.name}, the library alone does not. Run: {_INSTALL}")
    run()


if __name__ == "__main__":
    main()
