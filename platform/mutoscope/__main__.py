"""`mutoscope`, and `python -m mutoscope`."""

import sys


def main() -> None:
    try:
        from mutoscope.cli.app import main as run  # noqa: PLC0415 (its packages are an extra)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "mutoscope":
            raise
        sys.exit(f"The command needs {error.name}. Install it: pip install 'mutoscope-client[cli]'")
    run()


if __name__ == "__main__":
    main()
