"""Entry point of the command `mutoscope` and of `python -m mutoscope`."""

import sys

_INSTALL = "pip install typer rich pillow"


def main() -> None:
    try:
        from mutoscope.cli.app import main as run  # noqa: PLC0415 (its packages are an optional extra)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "mutoscope":
            raise
        sys.exit(f"The command line needs the package {error.name}, which is not installed. Run: {_INSTALL}")
    run()


if __name__ == "__main__":
    main()
