# The host's side of the sandbox, in a module that the supervisor's code does not see. It runs once, before any of that
# code, and then calls what the code defines.
import builtins
import functools
import sys

import _minions

# A program is made of a text, and of nothing else.
_minions.keep_compile(builtins.compile)
builtins.compile = _minions.compile
Module = type(sys)


def denied(what):
    def no(*args, **named):
        raise PermissionError(
            what + ': there are no files, processes, network, environment or clock here; the documents are in `context`'
        )

    no.__name__ = what.rpartition('.')[2]
    return no


class Printed:
    encoding = 'utf-8'
    errors = 'replace'

    def write(self, text):
        _minions.printed(text)
        return len(text)

    def flush(self):
        pass

    def isatty(self):
        return False


sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = Printed()
sys.stdin = sys.__stdin__ = None


# What the library looks for in a system.
def make_system():
    posix = Module('posix')
    names = (
        '_exit abort access chdir chmod close execv fork fstat fsync getcwd getcwdb getppid isatty kill link listdir lseek '
        'lstat mkdir open pipe putenv read readlink remove rename replace rmdir scandir stat symlink system times truncate '
        'umask uname unlink unsetenv utime wait waitpid write'
    )
    for name in names.split():
        setattr(posix, name, denied('os.' + name))
    for name in 'RDONLY WRONLY RDWR CREAT EXCL TRUNC APPEND NONBLOCK CLOEXEC DIRECTORY NOFOLLOW'.split():
        setattr(posix, 'O_' + name, 0)
    posix.register_at_fork = lambda **named: None
    posix.stat_result = posix.terminal_size = tuple
    posix._have_functions = []
    posix.environ = {}
    posix.error = OSError
    posix.cpu_count = posix.getpid = lambda: 1
    posix.urandom = lambda count: bytes(37 * i & 255 for i in range(count))
    sys.modules['posix'] = posix
    sys.builtin_module_names += ('posix',)


make_system()
import io
import os
import time
import collections
import datetime
import re

io.open = io.FileIO = io.open_code = denied('open')


class Environment(dict):
    get = __getitem__ = __contains__ = __iter__ = __len__ = denied('os.environ')


os.environ = Environment()
os.getenv = denied('os.getenv')
os.environb = None

# A clock that stands still tells nothing wrong where a difference is taken; the time of day would.
for name in ('monotonic', 'perf_counter', 'process_time', 'thread_time'):
    setattr(time, name, lambda: 0.0)
    setattr(time, name + '_ns', lambda: 0)
for name in ('time', 'time_ns', 'sleep', 'clock_gettime', 'clock_gettime_ns'):
    setattr(time, name, denied('time.' + name))
for name, arguments in (('localtime', 1), ('gmtime', 1), ('ctime', 1), ('asctime', 1), ('strftime', 2)):
    def given(*args, real=getattr(time, name), no=denied('time.' + name), arguments=arguments):
        return real(*args) if len(args) == arguments and args[-1] is not None else no()

    setattr(time, name, given)
_minions.fix_type(datetime.datetime, 'now', staticmethod(denied('datetime.now')))
_minions.fix_type(datetime.datetime, 'utcnow', staticmethod(denied('datetime.utcnow')))
_minions.fix_type(datetime.datetime, 'today', staticmethod(denied('datetime.today')))
_minions.fix_type(datetime.date, 'today', staticmethod(denied('date.today')))

# What runs is what was compiled.
for name in ('replace', '__replace__', '__new__'):
    _minions.fix_type(type(denied.__code__), name, staticmethod(denied('code.' + name)))
# `object.__new__` would make views of no dictionary, whose methods look into one.
ordered = collections.OrderedDict()
for view in (ordered.keys(), ordered.values(), ordered.items()):
    _minions.fix_type(type(view), '__new__', staticmethod(denied('object.__new__')))


# A replacement of None is none.
def replacing(real):
    def replace(pattern, repl, string, count=0):
        if not callable(repl):
            return real(pattern, repl, string, count)

        def text(match):
            given = repl(match)
            return match.string[:0] if given is None else given

        return real(pattern, text, string, count)

    return replace


for name in ('sub', 'subn'):
    _minions.fix_type(re.Pattern, name, replacing(getattr(re.Pattern, name)))

for name in ('settrace', 'setprofile', 'call_tracing', 'monitoring', '_current_frames', '_git'):
    if hasattr(sys, name):
        delattr(sys, name)


# Modules that stand in for others.
def stand_ins(prelude):
    ours = Module('minions')
    for name in ('JobManifest', 'JobOutput', 'Job'):
        setattr(ours, name, prelude[name])
    asyncio = Module('asyncio')
    asyncio.__getattr__ = lambda name: denied('asyncio.' + name)
    return {'minions': ours, 'asyncio': asyncio, 'pydantic': pydantic()}


MODULES = (
    '__future__ abc array ast asyncio base64 binascii bisect calendar cmath codecs collections colorsys configparser contextlib '
    'contextvars copy csv dataclasses datetime decimal difflib enum fnmatch fractions functools glob graphlib hashlib heapq '
    'hmac html inspect io ipaddress itertools json keyword locale logging math numbers operator os pathlib pprint queue '
    'random re reprlib secrets shlex statistics string struct sys textwrap time token tokenize tomllib traceback types typing '
    'unicodedata urllib.parse uuid warnings weakref zlib'
).split()
ANNOUNCED = ', '.join(name for name in MODULES if name not in ('__future__', 'asyncio', 'os', 'sys', 'time'))
# What the interpreter itself imports while the code runs: it asks the code's scope for it.
OF_THE_LIBRARY = ('codeop', 'copyreg', 'encodings', 'linecache')
load = builtins.__import__


def is_there(name):
    top = name.partition('.')[0]
    if name in MODULES or top in MODULES or top in OF_THE_LIBRARY:
        return True
    return top.startswith('_') and top not in ('_imp', '_minions')


def unknown(name):
    raise ModuleNotFoundError(
        f"no module '{name}' here; JobManifest, JobOutput, Job, the chunk_by_ functions and the names of typing are in "
        f'scope without an import; modules: {ANNOUNCED}',
        name=name,
    )


def bring(name, globals=None, locals=None, fromlist=(), level=0):
    top = name.partition('.')[0]
    if level or top == 'minions':
        ours = Ours.modules['minions']
        for part in name.split('.'):
            setattr(ours, part, ours)
        return ours
    if top == 'typing_extensions':
        name = top = 'typing'
    if name in Ours.modules:
        return Ours.modules[name]
    if not is_there(name) and not (name == 'urllib' and 'parse' in (fromlist or ())):
        unknown(name)
    return load(name, None, None, fromlist, 0)


class Ours:
    modules = {}
    scope = {}
    documents = []
    names = []


# The scope of the supervisor's code.
def open_scope(prelude):
    supervisor = Module('supervisor')
    sys.modules['supervisor'] = supervisor
    scope = supervisor.__dict__
    hidden = ('eval', 'exec', 'compile', 'input', 'breakpoint', 'exit', 'quit', 'copyright', 'credits', 'license', 'help')
    names = {name: value for name, value in vars(builtins).items() if name not in hidden}
    names['open'] = denied('open')
    names['__import__'] = bring
    scope['__builtins__'] = names
    for name, value in prelude.items():
        if not name.startswith('__'):
            scope[name] = value
    for name in ('chunk_by_section', 'chunk_by_page', 'chunk_by_paragraph', 'chunk_by_code', 'chunk_by_function_and_class'):
        scope[name] = getattr(_minions, name)
        setattr(Ours.modules['minions'], name, scope[name])
    scope['show'] = Ours.modules['minions'].show = show
    Ours.scope = scope


def prepare_scope(prelude):
    Ours.classes = prelude['JobManifest'], prelude['JobOutput'], prelude['Job']
    Ours.modules = stand_ins(prelude)
    open_scope(prelude)
    del _minions.fix_type, _minions.keep_compile
    for name in ('_minions', 'supervisor'):
        sys.modules.pop(name, None)
    sys.modules['__main__'] = Module('__main__')


# The line and function of each frame of the supervisor's code.
def places(traceback):
    found = []
    while traceback is not None:
        code = traceback.tb_frame.f_code
        if code.co_filename == '<supervisor>':
            found.append((traceback.tb_lineno, code.co_name))
        traceback = traceback.tb_next
    return found[-5:]


# Runs a function: None, or the exception's kind, its words, and its places.
def attempt(function, *args):
    try:
        function(*args)
    except BaseException as error:
        if isinstance(error, SyntaxError) and error.filename == '<supervisor>':
            return type(error).__name__, str(error.msg), [(error.lineno or 1, '<module>')]
        return type(error).__name__, words(error), places(error.__traceback__)


def words(error):
    try:
        return repr(error.args[0]) if isinstance(error, KeyError) and len(error.args) == 1 else str(error)
    except BaseException as second:
        return f'{type(second).__name__} in its __str__'


def begin(source, documents, names, search):
    Ours.documents, Ours.names = documents, names
    Ours.scope['context'], Ours.scope['names'] = list(documents), list(names)
    if search:
        Ours.scope[search] = getattr(_minions, search)
        setattr(Ours.modules['minions'], search, Ours.scope[search])
    return attempt(run, source)


def run(source):
    exec(compile(source, '<supervisor>', 'exec', dont_inherit=True), Ours.scope)


def has(name):
    return callable(Ours.scope.get(name))


def call_prepare(manifests, outputs):
    return attempt(prepare, manifests, outputs)


def prepare(manifests, outputs):
    function = Ours.scope['prepare_jobs']
    manifest, output, _ = Ours.classes
    args = [list(Ours.documents), [manifest(*row) for row in manifests], [output(*row) for row in outputs]]
    inner = function
    while hasattr(inner, '__wrapped__'):
        inner = inner.__wrapped__
    code = getattr(inner, '__code__', None)
    count = 3 if code is None or code.co_flags & 4 else min(3, code.co_argcount)
    made = function(*args[:count])
    wrong = 'prepare_jobs must return a list of JobManifest, not ' + type(made).__name__
    if hasattr(made, 'cr_code'):
        made.close()
        raise TypeError(wrong + ': write it without `async`')
    if isinstance(made, (str, bytes, dict)):
        raise TypeError(wrong)
    try:
        items = iter(made)
    except TypeError:
        raise TypeError(wrong) from None
    if isinstance(made, (list, tuple)):
        _minions.count(len(made))
    for index, item in enumerate(items):
        of = item.get if isinstance(item, dict) else functools.partial(getattr, item)
        expected = truth(f'prepare_jobs()[{index}].expected', of('expected', None))
        fields = of('chunk', ...), of('task', ...), of('advice', None), bool(expected)
        _minions.emit(type(item).__name__, *fields)
    _minions.shown(*shown_now())


# What a flag says, None where nothing is set: a word such as 'no' would count as true.
def truth(place, value):
    if value is None:
        return None
    if not (isinstance(value, int) and value in (0, 1)):
        got = repr(value[:40]) if isinstance(value, str) else type(value).__name__
        raise TypeError(f'{place} must be True or False, not {got}')
    return bool(value)


def call_transform(rows):
    return attempt(transform, rows)


def transform(rows):
    manifest, output, job = Ours.classes
    jobs = [job(manifest(*m), output(*o), *rest) for m, o, *rest in rows]
    text = Ours.scope['transform_outputs'](list(jobs))
    if not isinstance(text, str):
        raise TypeError('transform_outputs must return a str, not ' + type(text).__name__)
    _minions.shown(*shown_now())
    flags = (getattr(job, 'include', None) for job in jobs)
    _minions.finish(text, [truth(f'jobs[{at}].include', flag) for at, flag in enumerate(flags)])
