# `re` as CPython has it, on the interpreter's own, whose patterns are Rust's. A pattern is read here, and written anew in
# Rust's syntax so that it means the same. https://docs.python.org/3/library/re.html#regular-expression-syntax
import re as _minions_rust_re

_minions_re_i, _minions_re_m, _minions_re_s, _minions_re_x, _minions_re_a = 2, 8, 16, 64, 256
_minions_re_error = _minions_rust_re.PatternError
_minions_re_letters = {'i': 2, 'm': 8, 's': 16, 'x': 64, 'a': 256, 'u': 32}
_minions_re_escapes = {'a': '\a', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}
# What `\w`, `\s` and `\d` mean, for str and with re.ASCII, in the words of a class.
_minions_re_kinds = {'w': (r'\p{L}\p{N}_', 'a-zA-Z0-9_'), 's': (r'\s\x1c-\x1f', r' \t\n\r\x0b\x0c'), 'd': (r'\p{Nd}', '0-9')}
# Texts with these have other word boundaries in Rust.
_minions_re_odd_words = _minions_rust_re.compile(r'[\w~~[\p{L}\p{N}_]]')
_minions_re_digits = '0123456789'
_minions_re_hex = {'x': 2, 'u': 4, 'U': 8}
# The letters that are the same as i in CPython where case is ignored, but not in Rust.
_minions_re_eyes = 'iI\u0131\u0130'


class _MinionsReader:
    # Reads one pattern. `odd` and `newline` say how word boundaries and `$` are written.
    def __init__(self, pattern, flags, odd, newline):
        self.pattern = pattern
        self.at = 0
        self.flags = flags
        self.odd = odd
        self.newline = newline
        self.groups = 0
        self.open = []
        self.depth = 0
        self.names = {}
        self.boundaries = False
        self.ends = False
        self.risky = False

    def fail(self, message, at=None):
        raise _minions_re_error(f'{message} at position {self.at if at is None else at}')

    def peek(self, length=1):
        return self.pattern[self.at:self.at + length]

    def take(self, words):
        if self.pattern[self.at:self.at + len(words)] == words:
            self.at += len(words)
            return True
        return False

    def until(self, end, what):
        found = self.pattern.find(end, self.at)
        if found < 0:
            self.fail(f'missing {end}, unterminated {what}')
        text = self.pattern[self.at:found]
        self.at = found + len(end)
        return text

    # Each of these gives the text for Rust, and whether it can match nothing and something.
    def alternatives(self, flags):
        outs, empty, full = [], False, False
        while True:
            out, is_empty, is_full = self.sequence(flags)
            outs.append(out)
            self.risky = self.risky or empty and is_full
            empty, full = empty or is_empty, full or is_full
            if not self.take('|'):
                return '|'.join(outs), empty, full

    def sequence(self, flags):
        outs, empty, full = [], True, False
        while self.at < len(self.pattern) and self.peek() not in '|)':
            if flags & _minions_re_x:
                if self.peek() in ' \t\n\r\v\f':
                    self.at += 1
                    continue
                if self.peek() == '#':
                    end = self.pattern.find('\n', self.at)
                    self.at = len(self.pattern) if end < 0 else end + 1
                    continue
            start, groups = self.at, self.groups
            out, is_empty, is_full, repeats = self.atom(flags)
            if repeats:
                times = self.quantifier()
                if is_empty and is_full and self.groups > groups and times is not None and times[0][-1] in '*+,':
                    # Which repetition the group keeps is another one than in CPython.
                    self.fail('a repeated group that can match nothing is not supported here', start)
                out, is_empty, is_full = self.quantified(out, is_empty, is_full, flags)
            elif self.quantifier() is not None:
                self.fail('nothing to repeat', start)
            outs.append(out)
            empty, full = empty and is_empty, full or is_full
        return ''.join(outs), empty, full

    # The next quantifier and its end, without taking it.
    def quantifier(self):
        c = self.peek()
        if c and c in '*+?':
            return c, self.at + 1
        if c != '{':
            return None
        end = self.pattern.find('}', self.at)
        least, comma, most = self.pattern[self.at + 1:max(end, 0)].partition(',')
        number = least.isdigit() if not comma else (least == '' or least.isdigit()) and (most == '' or most.isdigit())
        if end < 0 or not number:
            return None
        if most and least and int(most) < int(least):
            self.fail('min repeat greater than max repeat')
        return '{' + (least or '0') + comma + most + '}', end + 1

    def quantified(self, out, empty, full, flags):
        found = self.quantifier()
        if found is None:
            return out, empty, full
        times = found[0]
        self.at = found[1]
        lazy = possessive = False
        if self.peek() == '?':
            lazy = True
            self.at += 1
        elif self.peek() == '+':
            possessive = True
            self.at += 1
        if self.quantifier() is not None:
            self.fail('multiple repeat')
        optional = times in '*?' or times[:2] == '{0'
        self.risky = self.risky or lazy and (optional or empty) and full
        never = times in ('{0}', '{0,0}')
        out = out + times + ('?' if lazy else '')
        if possessive:
            out = '(?>' + out + ')'
        return out, empty or optional, full and not never

    def literal(self, c, flags):
        if c in _minions_re_eyes and flags & _minions_re_i and not flags & _minions_re_a:
            return '[' + _minions_re_eyes + ']'
        if flags & _minions_re_i and flags & _minions_re_a and not c.isascii():
            return '(?-i:' + c + ')'
        return '\\' + c if c in '.^$*+?{}[]\\|()&~-#' else c

    def atom(self, flags):
        c = self.peek()
        self.at += 1
        if c == '(':
            return self.group(flags)
        if c == '[':
            return self.kind(flags), False, True, True
        if c == '\\':
            return self.escape(flags)
        if c in '*+?':
            self.fail('nothing to repeat', self.at - 1)
        if c == '^':
            return c, True, False, False
        if c == '$':
            if flags & _minions_re_m:
                return c, True, False, False
            self.ends = True
            return (r'(?=\n?\z)' if self.newline else r'\z'), True, False, False
        return (c if c == '.' else self.literal(c, flags)), False, True, True

    def code(self, digits):
        text = self.peek(digits)
        try:
            value = int(text, 16) if len(text) == digits else -1
        except ValueError:
            value = -1
        if value < 0:
            self.fail('incomplete escape', self.at - 2)
        self.at += digits
        return chr(value)

    # What an escape stands for in a class and outside, or None if it stands for more than a character.
    def character(self, c):
        if c in _minions_re_escapes:
            return _minions_re_escapes[c]
        if c in _minions_re_hex:
            return self.code(_minions_re_hex[c])
        if c.isascii() and c.isalpha():
            return self.fail(f'bad escape \\{c}', self.at - 2)
        return c

    def octal(self, c):
        digits = c
        while len(digits) < 3 and self.peek() and self.peek() in '01234567':
            digits += self.peek()
            self.at += 1
        value = int(digits, 8)
        if value > 0o377:
            self.fail(f'octal escape value \\{digits} outside of range 0-0o377')
        return chr(value)

    def escape(self, flags):
        c = self.peek()
        if not c:
            self.fail('bad escape (end of pattern)', self.at - 1)
        self.at += 1
        narrow = 1 if flags & _minions_re_a else 0
        if c.lower() in _minions_re_kinds:
            words = _minions_re_kinds[c.lower()][narrow]
            return '[' + ('' if c.islower() else '^') + words + ']', False, True, True
        if c == 'A':
            return r'\A', True, False, False
        if c == 'Z':
            return r'\z', True, False, False
        if c in 'bB':
            self.boundaries = True
            if not self.odd and not narrow:
                return '\\' + c, True, False, False
            w = '[' + _minions_re_kinds['w'][narrow] + ']'
            inner, outer = (f'(?<!{w})(?={w})', f'(?<={w})(?!{w})') if c == 'b' else (f'(?<={w})(?={w})', f'(?<!{w})(?!{w})')
            return f'(?:{inner}|{outer})', True, False, False
        if c == '0':
            return self.literal(self.octal(c), flags), False, True, True
        if c in _minions_re_digits:
            second = self.peek()
            if second and second in _minions_re_digits:
                if c in '0123' and second in '01234567' and self.peek(2)[1:] and self.peek(2)[1:] in '01234567':
                    return self.literal(self.octal(c), flags), False, True, True
                c += second
                self.at += 1
            return self.reference(int(c)), True, True, True
        return self.literal(self.character(c), flags), False, True, True

    def reference(self, number):
        if number > self.groups:
            self.fail(f'invalid group reference {number}')
        if number in self.open:
            self.fail('cannot refer to an open group')
        for name, named in self.names.items():
            if named == number:
                return f'(?P={name})'
        return f'(?:\\{number})'

    # A class, whose `[` is read.
    def kind(self, flags):
        start = self.at - 1
        negated = self.take('^')
        parts, eyes = [], False
        narrow = 1 if flags & _minions_re_a else 0
        first = True
        while True:
            c = self.peek()
            if not c:
                self.fail('unterminated character set', start)
            self.at += 1
            if c == ']' and not first:
                break
            first = False
            low = self.member(c, narrow)
            if self.peek() == '-' and self.peek(2)[1:] not in ('', ']'):
                self.at += 1
                c = self.peek()
                self.at += 1
                high = self.member(c, narrow)
                if len(low) != 1 or len(high) != 1 or low > high:
                    self.fail('bad character range')
                eyes = eyes or [eye for eye in _minions_re_eyes if low <= eye <= high] != []
                parts.append(self.inside(low) + '-' + self.inside(high))
            else:
                eyes = eyes or low in _minions_re_eyes
                parts.append(self.inside(low) if len(low) == 1 else low)
        if eyes and flags & _minions_re_i and not narrow:
            parts.append(_minions_re_eyes)
        return '[' + ('^' if negated else '') + ''.join(parts) + ']'

    def inside(self, c):
        return '\\' + c if c in '[]&~-^\\' else c

    # A character in a class, or the text for Rust where it is a kind of them.
    def member(self, c, narrow):
        if c != '\\':
            return c
        c = self.peek()
        self.at += 1
        if c == 'b':
            return '\x08'
        if c and c.lower() in _minions_re_kinds:
            words = _minions_re_kinds[c.lower()][narrow]
            return words if c.islower() else f'[^{words}]'
        if c and c in '01234567':
            return self.octal(c)
        return self.character(c) if c else self.fail('bad escape (end of pattern)')

    # A group, whose `(` is read.
    def group(self, flags):
        start = self.at - 1
        if not self.take('?'):
            return self.counted('(', flags, start)
        if self.take('#'):
            self.until(')', 'comment')
            return '', True, False, False
        if self.take('P<'):
            name = self.until('>', 'name')
            if not name.isidentifier() or name in self.names:
                self.fail(f'bad or second group name {name!r}', start)
            self.names[name] = self.groups + 1
            return self.counted(f'(?P<{name}>', flags, start)
        if self.take('P='):
            name = self.until(')', 'name')
            if name not in self.names:
                self.fail(f'unknown group name {name!r}', start)
            return self.reference(self.names[name]), True, True, True
        for look in ('=', '!', '<=', '<!'):
            if self.take(look):
                return self.closed('(?' + look, flags, start)[0], True, False, True
        for opening in (':', '>'):
            if self.take(opening):
                return self.closed('(?' + opening, flags, start)
        if self.take('('):
            name = self.until(')', 'name')
            number = int(name) if name.isdigit() else self.names.get(name, 0)
            if not 1 <= number <= self.groups:
                self.fail(f'unknown group {name!r}', start)
            out, empty, full, repeats = self.closed(f'(?({number})', flags, start)
            return out, empty or '|' not in out, full, repeats
        return self.flagged(flags, start)

    def counted(self, opening, flags, start):
        self.groups += 1
        self.open.append(self.groups)
        found = self.closed(opening, flags, start)
        self.open.pop()
        return found

    def flagged(self, flags, start):
        on, off, minus = 0, 0, False
        while self.peek() and self.peek() not in ':)':
            c = self.peek()
            self.at += 1
            if c == '-':
                minus = True
            elif c not in _minions_re_letters:
                self.fail(f'unknown extension ?{c}', start)
            elif minus:
                off |= _minions_re_letters[c]
            else:
                on |= _minions_re_letters[c]
        if self.take(')'):
            if start:
                self.fail('global flags not at the start of the expression', start)
            self.flags |= on
            return '', True, False, False
        self.take(':')
        within = (flags | on) & ~off if off else flags | on
        letters = ''.join([c for c in 'ims' if on & _minions_re_letters[c]])
        less = ''.join([c for c in 'ims' if off & _minions_re_letters[c]])
        return self.closed('(?' + letters + ('-' + less if less else '') + ':', within, start)

    def closed(self, opening, flags, start):
        self.depth += 1
        if self.depth > 40:
            self.fail('groups are nested too deeply')
        out, empty, full = self.alternatives(flags)
        if not self.take(')'):
            self.fail('missing ), unterminated subpattern', start)
        self.depth -= 1
        return opening + out + ')', empty, full, True

    def read(self):
        # Flags at the start hold for all of the pattern.
        while self.pattern[:2] == '(?' and self.pattern[2:3] and self.pattern[2:3] in 'imsxauL':
            end = self.pattern.find(')')
            if ':' in self.pattern[:end] or '-' in self.pattern[:end]:
                break
            self.flagged_start(self.pattern[2:end])
            self.pattern = self.pattern[end + 1:]
        out, empty, full = self.alternatives(self.flags)
        if self.at < len(self.pattern):
            self.fail('unbalanced parenthesis')
        return out, empty, full

    def flagged_start(self, letters):
        for c in letters:
            if c not in _minions_re_letters:
                self.fail(f'unknown or unsupported flag {c!r}')
            self.flags |= _minions_re_letters[c]
