"""The command of the long run starts, without the settings of pytest."""

from tests.support.interpreter import run_python

HELP = "import runpy, sys; sys.argv[1:] = ['--help']; runpy.run_module('tests.schema', run_name='__main__')"


def test_the_command_of_the_long_run_starts() -> None:
    result = run_python(HELP, DJANGO_SETTINGS_MODULE="", TEST_SERVERS_DIR="")
    assert (result.returncode, result.stderr) == (0, "")
    assert "--scenarios" in result.stdout
