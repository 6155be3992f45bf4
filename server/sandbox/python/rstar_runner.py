"""Runs one step on top of a program's state, and answers with data. The worker calls `serve` once per request.

Requests come in through one made-up file descriptor and answers leave through two others; the worker catches them at
the border of the WebAssembly module (`lockdown.ts`), so that no other channel is needed.
"""

import collections
import io
import json
import os
import sys
import time

REQUEST_FD, OUTPUT_FD, ANSWER_FD = 900, 901, 902
MAX_MESSAGE = 2000

# The grader's interpreter runs no steps and has only `rstar_verify`; the others lack that.
rstar_guard, rstar_imports, rstar_namespace, rstar_verify = (
    sys.modules.get(name) for name in ("rstar_guard", "rstar_imports", "rstar_namespace", "rstar_verify")
)
#: Keeps these modules alive once nothing can import them any more.
held = []

_read, _write, _dumps, _loads, _clock = os.read, os.write, json.dumps, json.loads, time.perf_counter


class Writer(io.TextIOBase):
    """Standard output of the step: handed on line by line, up to the limit in bytes; the rest is dropped cheaply."""

    encoding = "utf-8"

    def __init__(self):
        self.room = 0
        self.truncated = False
        self.partial = ""

    def reset(self, room):
        """Starts a new step with room for so many bytes; 0 for a step whose output was seen before."""
        self.room = room
        self.truncated = False
        self.partial = ""

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        length = len(text)
        if self.room <= 0:
            self.truncated = self.truncated or length > 0
            return length
        self.partial += text[: self.room + 1]
        if len(self.partial) >= 4096 or "\n" in text:
            self.flush()
        return length

    def flush(self):
        if not self.partial:
            return
        data = self.partial.encode("utf-8", "replace")
        self.partial = ""
        if len(data) > self.room:
            data = data[: self.room].decode("utf-8", "ignore").encode()
            self.truncated = True
        self.room = 0 if self.truncated else self.room - len(data)
        _write(OUTPUT_FD, data)


class Events:
    """What a step reports while it runs."""

    def __init__(self):
        self.assertions = 0
        self.value = None

    def reset(self):
        self.assertions = 0
        self.value = None

    def count_assertion(self):
        self.assertions += 1

    def keep_value(self, value):
        self.value = value


class Runner:
    """One interpreter's candidate side: its cached states and the traps around a run."""

    def __init__(self, capacity):
        self.capacity = capacity
        self.writer = Writer()
        self.events = Events()
        self.taint = rstar_guard.Taint()
        self.facades = rstar_guard.Facades(self.writer)
        self.ambient = rstar_namespace.Ambient()
        self.builtins = rstar_guard.make_builtins(self.taint, self.facades, self.events)
        #: program -> (namespace, ambient state), least recently used first
        self.states = collections.OrderedDict()
        rstar_namespace.Library.remember([*rstar_guard.ALLOWED_MODULES, "builtins"])
        self.shared = rstar_guard.SharedState()
        self.untouched = True

    def fresh(self):
        """A namespace in which nothing has run."""
        return {"__name__": "__main__", "__doc__": None, "__builtins__": dict(self.builtins)}

    def begin(self, program):
        """The namespace that `program` leaves and how it was come by. Raises `EarlierStep` when it does not run."""
        cached = self.states.get(program)
        if cached is not None:
            self.states.move_to_end(program)
            namespace = rstar_namespace.copy_namespace(cached[0], self.fresh())
            if namespace is not None:
                self.ambient.restore(cached[1])
                return namespace, "copied"
            # It cannot be copied, but this child may have the original: the next one runs the program again.
            del self.states[program]
            self.ambient.restore(cached[1])
            return cached[0], "taken"
        self.ambient.restore(self.ambient.initial)
        namespace = self.fresh()
        for number, step in enumerate(program, 1):
            self.writer.reset(0)
            try:
                code = rstar_guard.compile_step(step, f"<step {number}>", "exec", self.taint)
                exec(code, namespace)
            except MemoryError:
                raise
            except BaseException as error:
                raise EarlierStep(number, error) from None
        return namespace, "run again" if program else "fresh"

    def run(self, request):
        program = tuple(request["program"])
        step = request["step"]
        filename = f"<step {len(program) + 1}>"
        sys.stdout, sys.stderr = self.writer, self.facades.modules["sys"].stderr
        self.taint.reason = ""
        if self.untouched:
            self.shared.remember()
            self.untouched = False
        namespace, code, origin = None, None, ""
        began = _clock()
        try:
            code = rstar_guard.compile_step(step, filename, "exec", self.taint, keep_value=True)
            wanted = rstar_imports.wanted_imports(step) if request["completeImports"] else {}
            namespace, origin = self.begin(program)
            completed = rstar_imports.complete(step, wanted, namespace)
            if completed != step:
                step = completed
                code = rstar_guard.compile_step(step, filename, "exec", self.taint, keep_value=True)
            self.writer.reset(request["outputLimit"])
            self.events.reset()
            # Said before anything of the candidate's runs, so that it cannot be taken back.
            tell({"op": "step", "taint": self.taint.reason, "origin": origin, "code": step})
            began = _clock()
            exec(code, namespace)
            value = self.events.value
            text = None if value is None else str(value)
            self.writer.flush()
            answer = {
                "kind": "ok",
                "value": None if text is None else text[: request["outputLimit"]],
                "assertions": self.events.assertions,
                "truncated": self.writer.truncated,
            }
            answer["ms"] = (_clock() - began) * 1000
            self.keep(program + (step,), namespace)
        except BaseException as error:
            answer = failure(error, filename)
            answer["ms"] = (_clock() - began) * 1000
            self.writer.flush()
        answer["taint"] = self.check()
        return answer

    def keep(self, program, namespace):
        """Remembers the state that `program` leaves, for its children."""
        self.states[program] = (namespace, self.ambient.capture())
        self.states.move_to_end(program)
        while len(self.states) > self.capacity:
            self.states.popitem(last=False)

    def check(self):
        """Why this interpreter must be replaced; empty when it may go on. Lazy imports count as known from here on."""
        sys.stdout = self.writer
        reason = self.taint.reason or self.shared.difference()
        if not reason and len(sys.modules) != len(self.shared.loaded.before):
            self.shared.remember()
        return reason


class EarlierStep(Exception):
    """A step of the state itself failed when it was run again."""

    def __init__(self, number, error):
        super().__init__(f"step {number} of the state fails: {type(error).__name__}: {message_of(error)}")


def message_of(error):
    """The exception's message, cut to a sane length, whatever its `__str__` does."""
    if isinstance(error, SyntaxError):
        return str(error.msg)[:MAX_MESSAGE]
    try:
        return str(error)[:MAX_MESSAGE]
    except BaseException:
        return ""


def failure(error, filename):
    """An exception as data: type, message and the last line of the step that led to it."""
    # More items than the interpreter can address (2^31) are more than any memory limit allows.
    too_many = type(error) is OverflowError and str(error).startswith("cannot fit 'int' into an index-sized")
    if isinstance(error, MemoryError) or too_many:
        return {"kind": "memory"}
    line = None
    if isinstance(error, SyntaxError) and error.filename == filename:
        line = error.lineno
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename:
            line = trace.tb_lineno
        trace = trace.tb_next
    return {"kind": "error", "type": type(error).__name__, "message": message_of(error), "line": line}


def tell(answer):
    """Hands one message to the worker."""
    _write(ANSWER_FD, _dumps(answer).encode())


def receive():
    """The request that the worker holds ready."""
    parts = []
    while part := _read(REQUEST_FD, 1 << 20):
        parts.append(part)
    return _loads(b"".join(parts))


def make_server(role, capacity):
    """The function that answers one request; it alone is visible outside this module."""
    for name in [each for each in sys.modules if each.startswith("rstar_")]:
        held.append(sys.modules.pop(name))
    if role == "grader":
        answer = rstar_verify.answer
    else:
        answer = Runner(capacity).run

    def serve():
        tell(answer(receive()))

    return serve
