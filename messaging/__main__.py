"""`messaging` and `python -m messaging`: the command line."""

import sys


def main() -> int:
    """Runs one command, and returns its exit code.

    A probe, which runs every few seconds for ever, must not wait until all commands are imported.
    """
    if sys.argv[1:2] == ["probe"] and sys.argv[2:3] != ["--help"]:
        from messaging import probe

        return probe.main(sys.argv[2:])
    from messaging import cli

    return cli.main()


if __name__ == "__main__":
    sys.exit(main())
