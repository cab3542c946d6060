# Builtins and methods of str that the interpreter has, but with other values than CPython. `source` leads calls of methods
# here: `x.title()` becomes `_minions_str_title(x)`.

_minions_str_breaks = _minions_rust_re.compile(r'\r\n|[\n\r\x0b\x0c\x1c-\x1e\x{85}\x{2028}\x{2029}]')
_minions_str_rare_breaks = _minions_rust_re.compile(r'[\x0b\x0c\x1c-\x1e\x{85}\x{2028}\x{2029}]')
_minions_str_whole_lines = _minions_rust_re.compile(
    r'[^\n\r\x0b\x0c\x1c-\x1e\x{85}\x{2028}\x{2029}]*(?:\r\n|[\n\r\x0b\x0c\x1c-\x1e\x{85}\x{2028}\x{2029}])'
    r'|[^\n\r\x0b\x0c\x1c-\x1e\x{85}\x{2028}\x{2029}]+')
_minions_str_letters = _minions_rust_re.compile(r'\p{L}+')
_minions_str_words = _minions_rust_re.compile(r'[\p{L}\p{N}]+')
_minions_str_numbers = _minions_rust_re.compile(
    r'[\p{N}㐅㒃㠪㭍一七万三九二五亖亿什仟仨伍佰億兆兩八六十千卄卅卌叁参參叄四壱壹幺廾廿弌弍弎弐拾捌柒漆玖百肆萬貮貳贰阡陆陌陸零'
    r'\x{F96B}\x{F973}\x{F978}\x{F9B2}\x{F9D1}\x{F9D3}\x{F9FD}\x{20001}\x{20064}\x{200E2}\x{20121}\x{2092A}\x{20983}\x{2098C}'
    r'\x{2099C}\x{20AEA}\x{20AFD}\x{20B19}\x{22390}\x{22998}\x{23B1B}\x{2626D}\x{2F890}]+')
_minions_str_spaces = _minions_rust_re.compile(r'[\s\x1c-\x1f]+')
_minions_str_left = _minions_rust_re.compile(r'\A[\s\x1c-\x1f]+')
_minions_str_right = _minions_rust_re.compile(r'[\s\x1c-\x1f]+\z')
_minions_str_titles = _minions_rust_re.compile(r'\p{Lt}')
# The letters that begin a title in another form than their capital.
_minions_str_initials = {
    'ß': 'Ss', 'Ǆ': 'ǅ', 'ǅ': 'ǅ', 'ǆ': 'ǅ', 'Ǉ': 'ǈ', 'ǈ': 'ǈ', 'ǉ': 'ǈ', 'Ǌ': 'ǋ', 'ǋ': 'ǋ', 'ǌ': 'ǋ', 'Ǳ': 'ǲ', 'ǲ': 'ǲ',
    'ǳ': 'ǲ', 'և': 'Եւ', 'ﬀ': 'Ff', 'ﬁ': 'Fi', 'ﬂ': 'Fl', 'ﬃ': 'Ffi', 'ﬄ': 'Ffl', 'ﬅ': 'St', 'ﬆ': 'St', 'ﬓ': 'Մն', 'ﬔ': 'Մե',
    'ﬕ': 'Մի', 'ﬖ': 'Վն', 'ﬗ': 'Մխ'}
_minions_str_initial = _minions_rust_re.compile('[' + ''.join(_minions_str_initials) + r'\x{1F80}-\x{1FFF}\x{10D0}-\x{10FF}]')
_minions_str_greek = _minions_rust_re.compile(r'[\x{1F80}-\x{1FFF}]')
_minions_str_folds = _minions_rust_re.compile(r'[\x{13A0}-\x{13FD}\x{AB70}-\x{ABBF}]')


def _minions_str_splitlines(text, *args, **options):
    if not isinstance(text, str):
        return text.splitlines(*args, **options)
    keep = args[0] if args else options.get('keepends', False)
    if _minions_str_rare_breaks.search(text) is None:
        return text.splitlines(keep)
    if keep:
        return _minions_str_whole_lines.findall(text)
    lines = _minions_str_breaks.split(text)
    return lines if lines[-1] else lines[:-1]


def _minions_str_casefold(text):
    if not isinstance(text, str) or text.isascii():
        return text.casefold()
    if _minions_str_folds.search(text) is not None:
        raise NotImplementedError('casefold() of Cherokee is not supported here: use lower()')
    folded = [part.upper().lower() for part in text.replace('ẞ', 'ß').split('ı')]
    return 'ı'.join(folded).replace('ς', 'σ')


def _minions_str_first(text):
    if 'ა' <= text[0] <= 'ჿ':
        return text[0] + text[1:].lower()
    if _minions_str_greek.search(text[0]) is not None:
        raise NotImplementedError('title() and capitalize() of these Greek letters are not supported here')
    return _minions_str_initials.get(text[0], text[0].upper()) + text[1:].lower()


def _minions_str_capitalize(text):
    if not isinstance(text, str) or _minions_str_initial.search(text[:1]) is None:
        return text.capitalize()
    return _minions_str_first(text)


def _minions_str_title(text):
    if not isinstance(text, str) or _minions_str_initial.search(text) is None:
        return text.title()
    words, word = [], ''
    for c in text:
        if c.isupper() or c.islower() or c in _minions_str_initials:
            word += c
            continue
        words.append(_minions_str_first(word) + c if word else c)
        word = ''
    return ''.join(words) + (_minions_str_first(word) if word else '')


def _minions_str_istitle(text):
    if not isinstance(text, str) or text.isascii():
        return text.istitle()
    return _minions_str_titles.sub('A', text).istitle()


def _minions_str_isalpha(text):
    if not isinstance(text, str) or text.isascii():
        return text.isalpha()
    return _minions_str_letters.fullmatch(text) is not None


def _minions_str_isalnum(text):
    if not isinstance(text, str) or text.isascii():
        return text.isalnum()
    return _minions_str_words.fullmatch(text) is not None


def _minions_str_isnumeric(text):
    if not isinstance(text, str) or text.isascii():
        return text.isnumeric()
    return _minions_str_numbers.fullmatch(text) is not None


def _minions_str_isspace(text):
    return text.isspace() or isinstance(text, str) and _minions_str_spaces.fullmatch(text) is not None


# These are called only where a document or the code has one of the characters \x1c to \x1f, which are spaces.
def _minions_str_split(text, *args, **options):
    sep = args[0] if args else options.get('sep')
    if not isinstance(text, str) or sep is not None:
        return text.split(*args, **options)
    most = args[1] if len(args) > 1 else options.get('maxsplit', -1)
    text = _minions_str_left.sub('', text)
    if not text:
        return []
    if most < 0:
        text = _minions_str_right.sub('', text)
        return _minions_str_spaces.split(text)
    parts = _minions_str_spaces.split(text, most) if most else [text]
    return parts if parts[-1] else parts[:-1]


def _minions_str_rsplit(text, *args, **options):
    sep = args[0] if args else options.get('sep')
    if isinstance(text, str) and sep is None and (len(args) > 1 or 'maxsplit' in options):
        raise NotImplementedError('rsplit() at white space with a limit is not supported here, where texts have separators')
    return text.rsplit(*args, **options) if sep is not None or not isinstance(text, str) else _minions_str_split(text)


def _minions_str_lstrip(text, *args):
    if not isinstance(text, str) or args and args[0] is not None:
        return text.lstrip(*args)
    return _minions_str_left.sub('', text)


def _minions_str_rstrip(text, *args):
    if not isinstance(text, str) or args and args[0] is not None:
        return text.rstrip(*args)
    return _minions_str_right.sub('', text)


def _minions_str_strip(text, *args):
    if not isinstance(text, str) or args and args[0] is not None:
        return text.strip(*args)
    return _minions_str_right.sub('', _minions_str_left.sub('', text))


# What gives an iterator in CPython gives a list in the interpreter.
def zip(*iterables, strict=False):
    return iter(zip(*iterables, strict=strict))


def enumerate(iterable, start=0):
    return iter(enumerate(iterable, start))


def reversed(sequence):
    return iter(reversed(sequence))


def filter(function, iterable):
    if function is None:
        return iter([item for item in iterable if item])
    return iter([item for item in iterable if function(item)])


def map(function, *iterables):
    if len(iterables) == 1:
        return iter([function(item) for item in iterables[0]])
    return iter([function(*items) for items in zip(*iterables)])


def round(number, ndigits=None):
    if ndigits is None or not isinstance(number, float) or number - number != 0:
        return round(number) if ndigits is None else round(number, ndigits)
    if ndigits >= 0:
        return number if ndigits > 323 else float(f'{number:.{ndigits}f}')
    size = 10 ** -ndigits if ndigits > -310 else 10 ** 310
    whole = int(abs(number))
    low, rest = whole // size, whole % size
    over = rest * 2 - size
    up = over > 0 or over == 0 and (abs(number) > whole or low % 2 == 1)
    return _minions_math.copysign(float(str((low + 1 if up else low) * size)), number)


def pow(base, exponent, modulus=None):
    return pow(base, exponent, modulus) if modulus is not None else _minions_power(base, exponent)


_minions_rust_divmod = divmod


def divmod(left, right):
    number = isinstance(left, (int, float)) and isinstance(right, (int, float))
    if not number or isinstance(left, int) and isinstance(right, int) or not right:
        return _minions_rust_divmod(left, right)
    rest = _minions_math.fmod(left, right)
    whole = (left - rest) / right
    if rest and (right < 0) != (rest < 0):
        rest += right
        whole -= 1.0
    rest = rest or _minions_math.copysign(0.0, right)
    low = float(_minions_math.floor(whole)) if whole - whole == 0 else whole
    if whole - low > 0.5:
        low += 1.0
    return low or _minions_math.copysign(0.0, left / right), rest


_minions_divmod = divmod


# `//`, which the interpreter rounds first where a number is a float.
def _minions_floor(left, right):
    if isinstance(left, float) and isinstance(right, (int, float)) or isinstance(right, float) and isinstance(left, int):
        return _minions_divmod(left, right)[0] if right else left // right
    return left // right


# `**`, which the interpreter multiplies out where the exponent is a whole number.
def _minions_power(base, exponent):
    numbers = isinstance(base, (int, float)) and isinstance(exponent, (int, float))
    if not numbers or isinstance(base, int) and isinstance(exponent, int) and exponent >= 0:
        return base ** exponent
    if base == 0 and exponent < 0:
        raise ZeroDivisionError('0.0 cannot be raised to a negative power')
    if base < 0 and exponent - exponent == 0 and exponent != _minions_math.floor(exponent):
        raise ValueError('a negative number to a fractional power is a complex number, which is not supported here')
    return _minions_math.pow(base, exponent)
