# What code for the usual Python imports and the interpreter lacks. `source/imports.rs` leads the imports here:
# `_minions_<module>_<name>` fills a gap in a module, an object `_minions_<module>` stands for a whole one.


class _MinionsModule:
    pass


def _minions_itertools_groupby(iterable, key=None):
    groups = []
    for item in iterable:
        value = item if key is None else key(item)
        if groups and groups[-1][0] == value:
            groups[-1][1].append(item)
        else:
            groups.append((value, [item]))
    return iter([(value, iter(items)) for value, items in groups])


def _minions_itertools_product(*iterables, repeat=1):
    rows = [()]
    for pool in [list(iterable) for iterable in iterables] * repeat:
        rows = [row + (item,) for row in rows for item in pool]
    return iter(rows)


def _minions_itertools_combinations(iterable, r):
    rows = [((), 0)]
    pool = list(iterable)
    for _ in range(r):
        rows = [(row + (pool[i],), i + 1) for row, start in rows for i in range(start, len(pool))]
    return iter([row for row, _ in rows])


def _minions_itertools_from_iterable(iterables):
    return iter([item for iterable in iterables for item in iterable])


_minions_collections_OrderedDict = dict


def _minions_dataclasses_field(default=None, default_factory=None, **options):
    if default_factory is not None:
        raise NotImplementedError('field(default_factory=...) is not supported: make the field None and fill it later')
    return default


def _minions_dataclasses_asdict(value):
    if hasattr(value, '__dataclass_fields__'):
        return {name: _minions_dataclasses_asdict(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, (list, tuple)):
        return [_minions_dataclasses_asdict(item) for item in value]
    return value


def _minions_functools_lru_cache(maxsize=128, typed=False):
    def remember(function):
        known = {}

        def remembering(*args):
            if args not in known:
                known[args] = function(*args)
            return known[args]

        return remembering

    return remember if maxsize is None or isinstance(maxsize, int) else remember(maxsize)


def _minions_functools_cache(function):
    return _minions_functools_lru_cache(None)(function)


def _minions_functools_wraps(wrapped):
    return lambda wrapper: wrapper


_minions_string = _MinionsModule()
_minions_string.ascii_lowercase = 'abcdefghijklmnopqrstuvwxyz'
_minions_string.ascii_uppercase = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ'
_minions_string.ascii_letters = _minions_string.ascii_lowercase + _minions_string.ascii_uppercase
_minions_string.digits = '0123456789'
_minions_string.hexdigits = '0123456789abcdefABCDEF'
_minions_string.octdigits = '01234567'
_minions_string.punctuation = '!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~'
_minions_string.whitespace = ' \t\n\r\x0b\x0c'
_minions_string.printable = _minions_string.digits + _minions_string.ascii_letters + _minions_string.punctuation + _minions_string.whitespace


def _minions_dedent(text):
    lines = [line if line.strip(' \t') else '' for line in text.split('\n')]
    margin = None
    for line in lines:
        indent = line[:len(line) - len(line.lstrip(' \t'))]
        if line and margin is None:
            margin = indent
        while line and not indent.startswith(margin):
            margin = margin[:-1]
    margin = len(margin or '')
    return '\n'.join([line[margin:] for line in lines])


def _minions_shorten(text, width, placeholder=' [...]'):
    words = _minions_str_split(text)
    text = ' '.join(words)
    if len(placeholder.strip()) > width:
        raise ValueError('placeholder too large for max width')
    if len(text) <= width:
        return text
    while words and len(' '.join(words)) + len(placeholder) > width:
        words.pop()
    return (' '.join(words) + placeholder).strip()


_minions_textwrap = _MinionsModule()
_minions_textwrap.dedent = _minions_dedent
_minions_textwrap.shorten = _minions_shorten


def _minions_nlargest(n, iterable, key=None):
    return sorted(iterable, key=key, reverse=True)[:n]


def _minions_nsmallest(n, iterable, key=None):
    return sorted(iterable, key=key)[:n]


_minions_heapq = _MinionsModule()
_minions_heapq.nlargest = _minions_nlargest
_minions_heapq.nsmallest = _minions_nsmallest


def _minions_itemgetter(*keys):
    if len(keys) == 1:
        return lambda item: item[keys[0]]
    return lambda item: tuple([item[key] for key in keys])


def _minions_walk(item, path):
    for name in path.split('.'):
        item = getattr(item, name)
    return item


def _minions_attrgetter(*paths):
    if len(paths) == 1:
        return lambda item: _minions_walk(item, paths[0])
    return lambda item: tuple([_minions_walk(item, path) for path in paths])


_minions_operator = _MinionsModule()
_minions_operator.itemgetter = _minions_itemgetter
_minions_operator.attrgetter = _minions_attrgetter
