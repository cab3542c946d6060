"""One run of the program: JSON in, lines and events out, in one thread.

The pipe of `--while-open` ends the program when this process is gone, however it ends.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from typing import IO, Any, Iterable, Iterator, Optional

from minions.binary import cannot_start, find

_LAST_WORDS_S = 8.0
"""Seconds that the program has for its end after it was asked to stop."""
_READ = 1 << 16
_TOLD = 1 << 16
"""Bytes of stderr that are kept."""

# Ctrl-C at a terminal comes to this process alone, which tells the program once. A session is scheduled apart, too, which
# takes longer on a busy machine.
_APART: dict[str, Any] = {"process_group": 0} if sys.version_info >= (3, 11) else {"start_new_session": True}

_held: set[int] = set()
"""Writing ends of `--while-open` in this process."""


def _close_in_fork() -> None:
    # A fork that lives on would keep the jobs of a dead parent alive.
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_fork)


class Stop:
    """Asks a program to end, also one that has not begun yet. May be asked in any thread."""

    def __init__(self) -> None:
        self.process: Optional[Process] = None
        self._is_asked = False

    def ask(self) -> None:
        """Asks it; a second time does nothing."""
        self._is_asked = True
        if self.process is not None:
            self.process.stop()

    def watch(self, process: Process) -> None:
        """Says that `process` is what to ask."""
        self.process = process
        if self._is_asked:
            process.stop()


class Process:
    """A run of the program with `arguments`, told `pieces` on stdin. Errors are of the kind `system`.

    came: pieces that it wrote, each with `events` or `out`; whoever takes one removes it. was_interrupted: whether Ctrl-C has
    asked it to end.
    """

    def __init__(self, arguments: list[str], pieces: Iterable[bytes], has_events: bool) -> None:
        from contextlib import ExitStack

        self.came: deque[tuple[str, bytes]] = deque()
        self.was_interrupted = False
        self._pieces = iter(pieces)
        self._waiting: Optional[memoryview] = memoryview(b"")
        self._stderr = bytearray()
        self._asked_at: Optional[float] = None
        self._alive: Optional[int] = None
        self._pipes = ExitStack()
        program = find()
        try:
            self._start(program, arguments, has_events)
        except BaseException as error:
            self._let_go()
            self._pipes.close()
            if isinstance(error, OSError):
                raise cannot_start(program, error) from None
            raise

    def _start(self, program: str, arguments: list[str], has_events: bool) -> None:
        import selectors
        from contextlib import ExitStack

        with ExitStack() as theirs:
            alive_read, self._alive = _pipe()
            _held.add(self._alive)
            theirs.callback(os.close, alive_read)
            passed = [alive_read]
            command = [program, *arguments, "--while-open", f"fd:{alive_read}"]
            reads: list[tuple[int, str]] = []
            if has_events:
                events_read, events_write = _pipe()
                self._pipes.callback(os.close, events_read)
                theirs.callback(os.close, events_write)
                passed.append(events_write)
                reads.append((events_read, "events"))
                command += ["--events", f"fd:{events_write}"]
            environment = dict(os.environ)
            # Warnings, without the lines of progress.
            environment.setdefault("RUST_LOG", "minions=warn")
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=passed,
                env=environment,
                bufsize=0,
                **_APART,
            )
        self._stdin, self._stdout, stderr = map(self._pipe_of, ("stdin", "stdout", "stderr"))
        reads += [(self._stdout.fileno(), "out"), (stderr.fileno(), "err")]
        self._selector = selectors.DefaultSelector()
        for descriptor, name in reads:
            self._selector.register(descriptor, selectors.EVENT_READ, name)
        os.set_blocking(self._stdin.fileno(), False)
        self._selector.register(self._stdin.fileno(), selectors.EVENT_WRITE, "in")

    def _pipe_of(self, name: str) -> IO[bytes]:
        pipe: IO[bytes] = getattr(self._child, name)
        self._pipes.callback(pipe.close)
        return pipe

    @property
    def pid(self) -> int:
        return self._child.pid

    def stop(self) -> None:
        """Asks the program to end with what it has; a second time does nothing. May be called in any thread."""
        if self._asked_at is None:
            self._asked_at = time.monotonic()
            self._signal(signal.SIGINT)

    def warnings(self) -> list[str]:
        """What the program has warned of on stderr so far."""
        return [line.split(" WARN ", 1)[1].strip() for line in self.stderr().splitlines() if " WARN " in line]

    def stderr(self) -> str:
        """The end of what it said on stderr."""
        return self._stderr.decode("utf-8", "replace")

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        return bool(self._selector.get_map())

    def written(self) -> Iterator[tuple[str, bytes]]:
        """The pieces that it writes, to its end. The first Ctrl-C asks it to end with what it has, a second one is raised."""
        while self.is_open or self.came:
            if not self.came:
                try:
                    self.step()
                except KeyboardInterrupt:
                    if self.was_interrupted:
                        raise
                    self.was_interrupted = True
                    self.stop()
            while self.came:
                yield self.came.popleft()

    def step(self) -> None:
        """Waits for what the program writes next, and adds it to `came`."""
        for key, _ in self._selector.select(None if self._asked_at is None else 0.2):
            if key.data == "in":
                self._waiting = self._write(key.fd)
                if self._waiting is None:
                    self._selector.unregister(key.fd)
                    self._stdin.close()
                continue
            # Ctrl-C comes before this line or after it, so what was read is never lost.
            self.came.extend(zip((key.data,), map(os.read, (key.fd,), (_READ,))))
            name, data = self.came[-1]
            if not data:
                self._selector.unregister(key.fd)
            if name == "err":
                self._stderr = (self._stderr + data)[-_TOLD:]
                self.came.pop()
        if self._asked_at is not None and time.monotonic() - self._asked_at > _LAST_WORDS_S:
            self._signal(signal.SIGKILL)

    def close(self) -> int:
        """Sees to it that the program has ended and that nothing of it is left open. Gives its exit code."""
        self._selector.close()
        for pipe in (self._stdin, self._stdout):
            pipe.close()
        # It is at its end, or nobody wants it any more.
        self._let_go()
        try:
            code = self._child.wait(_LAST_WORDS_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            code = self._child.wait()
        self._pipes.close()
        return code

    def _write(self, stdin: int) -> Optional[memoryview]:
        """Writes what there is room for and gives the rest; None once all is written, or nobody reads on."""
        waiting = self._waiting
        try:
            if not waiting:
                waiting = memoryview(next(self._pieces))
            return waiting[os.write(stdin, waiting) :]
        except BlockingIOError:
            return waiting
        except (StopIteration, BrokenPipeError):
            # Where it reads no more it says why.
            return None

    def _signal(self, number: int) -> None:
        try:
            self._child.send_signal(number)
        except ProcessLookupError:
            pass

    def _let_go(self) -> None:
        # In a fork it is closed already.
        if self._alive in _held:
            _held.discard(self._alive)
            os.close(self._alive)
        self._alive = None


def _pipe() -> tuple[int, int]:
    """A pipe whose numbers are none of stdin, stdout and stderr, though these may be closed."""
    ends = os.pipe()
    if min(ends) > 2:
        return ends
    import fcntl

    high = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 3) for end in ends)
    for end in ends:
        os.close(end)
    return high[0], high[1]


class Lines:
    """Whole lines of what comes in pieces. Of a line that begins like `long` only the first MiB is kept."""

    def __init__(self, long: bytes = b"") -> None:
        self._long = long
        self._held: list[bytes] = []
        self._size = 0

    def add(self, piece: bytes) -> Iterator[bytes]:
        """The lines that end in `piece`."""
        *ends, rest = piece.split(b"\n")
        for end in ends:
            self._hold(end)
            line, self._held, self._size = b"".join(self._held), [], 0
            yield line
        self._hold(rest)

    def _hold(self, part: bytes) -> None:
        if self._size < 1 << 20 or not self._long or self._long not in self._held[0][:200]:
            self._held.append(part)
            self._size += len(part)


def run_text(arguments: list[str], what: str) -> str:
    """What a command of the program that runs no job prints. `what` is what it is for, in errors."""
    from minions.errors import MinionsError

    program = find()
    try:
        done: subprocess.CompletedProcess[Any] = subprocess.run(
            [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace"
        )
    except OSError as error:
        raise cannot_start(program, error) from None
    if done.returncode != 0:
        message = _told(done.stdout) or done.stderr.strip().removeprefix("error: ")
        message = message or f"{what}: exit code {done.returncode}"
        raise MinionsError(message, "input" if done.returncode == 2 else "system", None, done.returncode)
    return str(done.stdout)


def _told(stdout: str) -> str:
    """The error of an envelope, which the program prints for a command that it does not know."""
    import json

    try:
        return str(json.loads(stdout)["error"])
    except (ValueError, TypeError, KeyError):
        return ""
