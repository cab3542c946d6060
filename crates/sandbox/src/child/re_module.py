# The rest of `re`: patterns that are read and written anew, and the functions of the module.


# Where these matches of one pattern start. In a text that is not ASCII the interpreter counts from its start for each.
def _minions_re_starts(native, found, string):
    if string.isascii():
        return [match.start() for match in found]
    starts, at = [], 0
    for match, between in zip(found, native.split(string)):
        at += len(between)
        starts.append(at)
        at += len(match.group())
    return starts


class _MinionsPattern:
    def __init__(self, pattern, flags):
        self.pattern = pattern
        reader = _MinionsReader(pattern, flags, False, False)
        out, empty, full = reader.read()
        self.flags = reader.flags | (0 if reader.flags & _minions_re_a else 32)
        self.groups = reader.groups
        self.groupindex = reader.names
        self._given = flags
        self._native = reader.flags & (_minions_re_i | _minions_re_m | _minions_re_s)
        self._boundaries = reader.boundaries and not reader.flags & _minions_re_a
        self._ends = reader.ends
        # Matches of nothing and of something: Rust passes over the first where they touch.
        self._mixed = empty and full
        self._risky = reader.risky
        self._texts = {(False, False): out}
        self._known = {}
        self._of('')

    def __repr__(self):
        return f're.compile({self.pattern!r})'

    def __eq__(self, other):
        return isinstance(other, _MinionsPattern) and (self.pattern, self.flags) == (other.pattern, other.flags)

    def __hash__(self):
        return hash((self.pattern, self.flags))

    # The interpreter's pattern for this text.
    def _of(self, text, before='', behind=''):
        if not isinstance(text, str):
            raise TypeError(f'expected string or bytes-like object, got {type(text).__name__!r}')
        odd = self._boundaries and not text.isascii() and _minions_re_odd_words.search(text) is not None
        newline = self._ends and text[-1:] == '\n'
        if (odd, newline, before) not in self._known:
            if (odd, newline) not in self._texts:
                self._texts[(odd, newline)] = _MinionsReader(self.pattern, self._given, odd, newline).read()[0]
            out = before + self._texts[(odd, newline)] + behind
            self._known[(odd, newline, before)] = _minions_rust_re.compile(out, self._native)
        return self._known[(odd, newline, before)]

    def search(self, string):
        return self._of(string).search(string)

    def match(self, string):
        return self._of(string).match(string)

    def fullmatch(self, string):
        # `$` and `\Z` at the end of the text stay what they are.
        return self._of(string).fullmatch(string)

    def _all(self, string):
        found = self._of(string).finditer(string)
        if not self._mixed:
            return found
        if self._risky:
            raise NotImplementedError(f'{self.pattern!r} can match nothing where it could match something: this works only '
                                      'with search, match and fullmatch here; use + in place of * or ?, and no empty alternative')
        looking = self._of(string, '(?=', ')')
        nothing = looking.finditer(string)
        empty = dict(zip(_minions_re_starts(looking, nothing, string), nothing))
        starts = _minions_re_starts(self._of(string), found, string)
        every = []
        for number, match in enumerate(found):
            every.append(match)
            length = len(match.group())
            end = starts[number] + length
            following = starts[number + 1] if number + 1 < len(found) else -1
            if length and following != end and end in empty:
                every.append(empty[end])
        return every

    def finditer(self, string):
        return iter(self._all(string))

    def findall(self, string):
        if not self._mixed:
            return self._of(string).findall(string)
        found = self._all(string)
        if self.groups == 0:
            return [match.group() for match in found]
        if self.groups == 1:
            return [match.group(1) or '' for match in found]
        return [tuple([group or '' for group in match.groups()]) for match in found]

    # The matches, at most `most` of them unless that is 0, and the texts before, between and behind them.
    def _parts(self, string, most):
        if most < 0:
            return [], [string]
        found = self._all(string)
        if most and len(found) > most:
            found = found[:most]
        if not self._mixed:
            return found, self._of(string).split(string, len(found) if found else -1)
        between, end = [], 0
        for match in found:
            between.append(string[end:match.start()])
            end = match.end()
        return found, between + [string[end:]]

    def split(self, string, maxsplit=0):
        found, between = self._parts(string, maxsplit)
        if self.groups == 0:
            return between
        parts = [between[0]]
        for number, match in enumerate(found):
            parts.extend(match.groups())
            parts.append(between[number + 1])
        return parts

    def subn(self, repl, string, count=0):
        if isinstance(repl, str):
            template = _minions_re_template(repl, self)
            make = lambda match: _minions_re_filled(template, match)
        else:
            make = repl
        found, between = self._parts(string, count)
        parts = [between[0]]
        for number, match in enumerate(found):
            made = make(match)
            if made is not None:
                parts.append(made)
            parts.append(between[number + 1])
        return ''.join(parts), len(found)

    def sub(self, repl, string, count=0):
        if isinstance(repl, str) and not self._mixed and count >= 0:
            template = _minions_re_template(repl, self)
            if len(template) == 1 and isinstance(template[0], str):
                return template[0].join(self._of(string).split(string, count))
        return self.subn(repl, string, count)[0]


# The texts and group numbers of a replacement.
def _minions_re_template(repl, pattern):
    if '\\' not in repl:
        return [repl]
    parts, text, at = [], '', 0
    while at < len(repl):
        c = repl[at]
        at += 1
        if c != '\\':
            text += c
            continue
        c = repl[at:at + 1]
        at += 1
        number = None
        if c == 'g':
            end = repl.find('>', at)
            if repl[at:at + 1] != '<' or end < 0:
                raise _minions_re_error(f'missing < or > of a group name at position {at}')
            name = repl[at + 1:end]
            at = end + 1
            if name.isdigit():
                number = int(name)
            elif name in pattern.groupindex:
                number = pattern.groupindex[name]
            else:
                raise IndexError(f'unknown group name {name!r}')
        elif c and c in _minions_re_digits:
            digits = c
            while len(digits) < 3 and repl[at:at + 1] and repl[at:at + 1] in '01234567' and (c == '0' or len(digits) == 1 or digits[1] in '01234567'):
                if c not in '0123' and len(digits) == 2:
                    break
                digits += repl[at]
                at += 1
            if c == '0' or len(digits) == 3:
                text += chr(int(digits, 8))
                continue
            if len(digits) == 1 and repl[at:at + 1] and repl[at:at + 1] in '89':
                digits += repl[at]
                at += 1
            number = int(digits)
        elif c in _minions_re_escapes:
            text += _minions_re_escapes[c]
            continue
        elif c == '\\':
            text += c
            continue
        elif not c or c.isascii() and c.isalpha():
            raise _minions_re_error(f'bad escape \\{c} at position {at - 2}')
        else:
            text += '\\' + c
            continue
        if number > pattern.groups:
            raise _minions_re_error(f'invalid group reference {number} at position {at - 2}')
        parts.extend([text, number])
        text = ''
    return parts + [text] if text or not parts else parts


def _minions_re_filled(template, match):
    return ''.join([part if isinstance(part, str) else match.group(part) or '' for part in template])


_minions_re_cache = {}


def _minions_re_compile(pattern, flags=0):
    if isinstance(pattern, _MinionsPattern):
        if flags:
            raise ValueError('cannot process flags argument with a compiled pattern')
        return pattern
    if not isinstance(pattern, str):
        raise TypeError('first argument must be string or compiled pattern')
    key = (pattern, int(flags))
    if key not in _minions_re_cache:
        if len(_minions_re_cache) > 500:
            _minions_re_cache.clear()
        _minions_re_cache[key] = _MinionsPattern(pattern, int(flags))
    return _minions_re_cache[key]


def _minions_re_search(pattern, string, flags=0):
    return _minions_re_compile(pattern, flags).search(string)


def _minions_re_match(pattern, string, flags=0):
    return _minions_re_compile(pattern, flags).match(string)


def _minions_re_fullmatch(pattern, string, flags=0):
    return _minions_re_compile(pattern, flags).fullmatch(string)


def _minions_re_findall(pattern, string, flags=0):
    return _minions_re_compile(pattern, flags).findall(string)


def _minions_re_finditer(pattern, string, flags=0):
    return _minions_re_compile(pattern, flags).finditer(string)


def _minions_re_split(pattern, string, maxsplit=0, flags=0):
    return _minions_re_compile(pattern, flags).split(string, maxsplit)


def _minions_re_sub(pattern, repl, string, count=0, flags=0):
    return _minions_re_compile(pattern, flags).sub(repl, string, count)


def _minions_re_subn(pattern, repl, string, count=0, flags=0):
    return _minions_re_compile(pattern, flags).subn(repl, string, count)


def _minions_re_purge():
    _minions_re_cache.clear()


_minions_re = _MinionsModule()
_minions_re.compile = _minions_re_compile
_minions_re.search = _minions_re_search
_minions_re.match = _minions_re_match
_minions_re.fullmatch = _minions_re_fullmatch
_minions_re.findall = _minions_re_findall
_minions_re.finditer = _minions_re_finditer
_minions_re.split = _minions_re_split
_minions_re.sub = _minions_re_sub
_minions_re.subn = _minions_re_subn
_minions_re.purge = _minions_re_purge
_minions_re.escape = _minions_rust_re.escape
_minions_re.Pattern = _MinionsPattern
_minions_re.Match = type(_minions_rust_re.match('', ''))
_minions_re.error = _minions_re_error
_minions_re.PatternError = _minions_re_error
_minions_re.NOFLAG = 0
_minions_re.I = _minions_re_i
_minions_re.IGNORECASE = _minions_re_i
_minions_re.M = _minions_re_m
_minions_re.MULTILINE = _minions_re_m
_minions_re.S = _minions_re_s
_minions_re.DOTALL = _minions_re_s
_minions_re.U = 32
_minions_re.UNICODE = 32
_minions_re.X = _minions_re_x
_minions_re.VERBOSE = _minions_re_x
_minions_re.A = _minions_re_a
_minions_re.ASCII = _minions_re_a
re = _minions_re
