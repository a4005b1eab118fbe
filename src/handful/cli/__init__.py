"""The command line: a thin coat over the library. Results to stdout, progress to stderr, status 2 for bad input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

__all__ = ["main", "run"]


def run() -> NoReturn:
    """The command `handful`: `main`, and an end of the process that does not search all of torch for garbage (.3 s)."""
    import gc

    status = main()
    gc.freeze()
    raise SystemExit(status)


def main(args: Sequence[str] | None = None) -> int:
    """Run `handful` with these arguments (those of the process where None) and return the exit status.

    0 done, 1 done in part, 2 bad input, 130 stopped by hand.
    """
    import os
    import signal
    import sys
    import threading

    from handful.cli.app import app
    from handful.errors import HandfulError
    from handful.files import reason, remedy

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    first = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, stop) if first else None  # as Ctrl-C: what was reached is kept
    try:
        if os.environ.get("WORLD_SIZE", "1") == "1":
            app(args=args, prog_name="handful")
        else:  # started by torchrun
            from handful.verbs.together import together

            together(lambda: app(args=args, prog_name="handful"))
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except HandfulError as error:
        print(f"handful: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read our output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"handful: {error.filename or 'the disk'}: {reason(error)}. {remedy(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("handful: stopped by hand.", file=sys.stderr)
        return 130
    finally:
        if first:
            signal.signal(signal.SIGTERM, before)
    return 0
