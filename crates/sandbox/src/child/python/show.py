# What the supervisor's code shows with `show`: it runs in the scope of `host.py`, after it.
import collections
import copy
import re


# What `show` found, and what of it there is room for.
class Shown:
    MOST = 6_000
    OWN = 8_000
    BESIDE = 2_000
    FIRST = 2_400
    EACH = 500
    LEAST = 120
    NOWHERE = 20
    PARTS = 4
    PATTERNS = 200
    FIGURE = re.compile(r'[^\n]*\d')
    LONGEST = 1_600
    PATTERN = 50
    WINDOWS = 2_000
    ABOVE = 6_000
    MONTH = (
        r'(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sept?(?:ember)?|Oct(?:ober)?|'
        r'Nov(?:ember)?|Dec(?:ember)?)\.?'
    )
    OF_YEAR = r'(?:,? +(?:19|20)\d\d|(?!,? +(?:19|20)\d\d))'
    DATE = (
        r'(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*[.,]* +)?(?:(?:19|20)\d\d(?:[01]\d[0-3]\d|[-/.]\d\d?[-/.]\d\d?)|'
        r'\d\d?[-/.]\d\d?[-/.](?:19|20)\d\d|\d\d?(?:st|nd|rd|th|\.)? +' + MONTH + OF_YEAR + r'|'
        + MONTH + r' +\d\d?(?:st|nd|rd|th)?' + OF_YEAR + r')(?![\w/-])'
    )
    # Two numbers in a line are a table's.
    ROW = r'(?!.*\d[)%]?[ \t]+[$(]?\d)'
    # A line that begins with a date is a heading if no sentence goes on, and so is one that stands alone without a point.
    HEADING = re.compile(
        r'^[ \t]*(?=.{3,90}$)((?:\* )?' + DATE + r'(?! *,| +[a-z])' + ROW + r'.*|' + ROW + r'(?:#{1,6} .*|={2,} .*|[A-Z][^a-z\n]+|'
        r'(?=[A-Z])(?i:chapter|section|part|article|version|release|appendix|book|letter)\b.*|'
        r'(?!\d\d? +' + MONTH + r' +\d)\d{1,3}(?:\.\d+)*\.? +[A-Z].*|'
        r'(?:(?<=\n\n)|(?<=\n\r\n)|(?<=[-=*_]{4}\n)|(?<=[-=*_]{4}\r\n))(?=[A-Z])(?:.*[^\s.,:;!?]|.*\b(?:19|20)\d\d\b.*:)\r?(?=\n(?:[ \t\r]*\n|[-=*_]{4}))))$',
        re.MULTILINE,
    )
    # What opens a part of source code, and the files that hold such.
    DEFINITION = re.compile(
        r'^[ \t]*(?:(?:export|pub(?:\([a-z]+\))?|public|private|static|async|abstract|final|default|unsafe) +)*'
        r'(?:class|def|fn|func|function|struct|enum|trait|impl|interface|namespace)\b.*$|'
        r'^(?!(?:if|for|while|switch|return|else|elif|with|print)\b)[A-Za-z_][\w *]*\([^;\n]*$',
        re.MULTILINE,
    )
    HOLDER = re.compile(r'.*\b(?:class|struct|enum|trait|impl|interface|namespace)\b')
    CODE = re.compile(
        r'\.(?:py|rs|go|js|mjs|ts|tsx|jsx|java|kt|c|h|cc|cpp|hpp|cs|rb|php|swift|scala|sh|lua|pl|zig)$', re.IGNORECASE
    )
    # Years are looked for farther above than headings.
    YEAR = re.compile(r'\b(?:1[5-9]|20)\d\d(?:[01]\d[0-3]\d)?\b')
    DATED = 40_000
    YEARS = 400
    LINE = 90
    # What a pattern passes over between its parts.
    GAP = re.compile(r'(?:\.|\\[sSwWdD]|\[\^[^\]]*\])(?:[*+]|\{\d*,\d*\})\??')
    # Texts are searched for headings in parts of this length, each once.
    PART = 10_000
    texts = []
    found = {}
    words = collections.Counter()
    searched = {}
    # What `all_shown` made of it all, until more is shown.
    made = None


# The places of a pattern: their number, and windows around them.
class Found:
    def __init__(self):
        self.places = self.most = 0
        self.windows = []
        self.parts = collections.Counter()


# A part of a text around places, with the words that were found there.
class Window:
    def __init__(self, text, start, end, place):
        self.text, self.start, self.end, self.place = text, start, end, place
        self.places, self.words, self.figures, self.is_cut, self.order = 0, set(), False, False, 0

    def add(self, word, end, figures):
        self.end = max(self.end, end)
        self.figures = self.figures or figures
        self.places += 1
        self.words.add(word)

    # What is left of it in less room: what stands around its first place.
    def cut(self, length):
        if self.end - self.start > length:
            self.is_cut = True
            self.start = max(self.start, min(self.place - length // 4, self.end - length))
            self.end = min(self.end, self.start + length)

    # Rare words tell more than frequent ones, and most where a figure follows.
    def weight(self):
        return sum(1 / Shown.words[word] for word in self.words) * (1.5 if self.figures else 1)


def show(texts, pattern=None, before=80, after=240, most=4):
    """Puts the places of `texts`, one text or several, where `pattern` stands before the supervisor, and counts them.
    Without a pattern it puts the texts there as they are."""
    Shown.made = None
    if pattern is None:
        Shown.texts += [texts] if isinstance(texts, str) else [str(text) for text in texts]
        return len(Shown.texts)
    if not isinstance(pattern, (str, re.Pattern)):
        raise TypeError('show() takes one pattern, as a text or compiled: join several with |')
    for what, value in (('before', before), ('after', after), ('most', most)):
        if not isinstance(value, int) or value < 0:
            raise ValueError(f'show() takes a whole number from 0 on as {what}, not {value!r}')
    name = getattr(pattern, 'pattern', pattern)
    spans = spans_of(pattern) if isinstance(pattern, str) else pattern_spans(pattern)
    if len(Shown.found) == Shown.PATTERNS and name not in Shown.found:
        raise ValueError(f'show() takes {Shown.PATTERNS} patterns a round at most: join them with |, or show a text of your own')
    found = Shown.found.setdefault(name, Found())
    found.most += most
    count = 0
    texts = [texts] if isinstance(texts, str) else list(texts)
    for text in texts:
        if not isinstance(text, str):
            raise TypeError('show() takes a text or a list of texts, not ' + type(text).__name__)
        count += look(text, spans(text), before, after, found)
    found.places += count
    if not count and isinstance(pattern, str):
        count_parts(pattern, texts, found)
    return count


# Counts the parts of a pattern that stands nowhere: often they stand farther apart than it says.
def count_parts(pattern, texts, found):
    parts = [part for part in Shown.GAP.split(pattern) if part.strip('^$ ')]
    if 1 < len(parts) <= Shown.PARTS and not re.search(r'\(\?|\\\d', pattern) and all(map(is_whole, parts)):
        for part in parts:
            spans = spans_of(part)
            found.parts[part] += sum(sum(1 for _ in spans(text)) for text in texts)


# Whether a part of a pattern is a pattern.
def is_whole(part):
    try:
        return re.compile(part) is not None
    except re.error:
        return False


# What finds the places of a pattern in a text: a text of a pattern is looked for without backtracking where its syntax
# means the same there.
def spans_of(pattern):
    # Lines end between any two words. A point passes their ends where it can't pass all of them.
    passes = not re.search(r'(?<!\\)\.(?:[*+]|\{\d+,\})', pattern)
    source = with_any_space(pattern)
    compiled = re.compile(source, re.IGNORECASE | re.MULTILINE | (re.DOTALL if passes else 0))
    python = places_of(compiled)
    if re.search(r'\[[^\]]*(?:\[|&&|--|~~)|\\[<>]|\\b\{', source):
        return over_lines(pattern, python)
    def spans(text):
        found = _minions.spans(source, passes, text)
        return python(text) if found is None else found

    return over_lines(pattern, spans)


# The pattern with any white space for its spaces, but for those in a class, those that repeat, and those of a group that
# looks behind, which has a fixed length, or is written with spaces that mean nothing.
def with_any_space(pattern):
    if re.match(r'\(\?[a-zA-Z]*x[a-zA-Z]*\)', pattern):
        return pattern
    part = (
        r'(?P<spaces> +(?![*+?{ ]))|(?P<kept>\(\?(?:<[=!]|[a-zA-Z]*x[a-zA-Z]*(?:-[a-z]+)?:))|\(\?#[^)]*\)|(?P<opens>\()|'
        r'(?P<closes>\))|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|.'
    )
    # How many groups are open from the one on that keeps its spaces.
    depth = 0

    def put(found):
        nonlocal depth
        depth += found.lastgroup == 'kept' or depth > 0 and found.lastgroup == 'opens'
        depth -= depth > 0 and found.lastgroup == 'closes'
        return r'\s+' if found.lastgroup == 'spaces' and depth == 0 else found[0]

    return re.sub(part, put, pattern, flags=re.DOTALL)


def pattern_spans(compiled):
    return over_lines(compiled.pattern, places_of(compiled))


def places_of(compiled):
    return lambda text: (match.span() for match in compiled.finditer(text))


# Finds places in a text whose lines end as on Windows as if they ended with one character, unless the pattern names the other.
def over_lines(pattern, spans):
    if isinstance(pattern, str) and re.search(r'\r|\\(?:r|x0d|u000d)', pattern, re.IGNORECASE):
        return spans

    def found(text):
        if not isinstance(text, str) or '\r\n' not in text:
            return spans(text)
        return _minions.spans_of_windows(text, list(spans(text.replace('\r\n', '\n'))))

    return found


# Adds the windows around all places in a text, and counts the places.
def look(text, spans, before, after, found):
    places, window = 0, None
    for start, end in spans:
        if start == end:
            continue
        places += 1
        word = ' '.join(text[start:min(end, start + 60)].lower().split())
        Shown.words[word] += 1
        figures = Shown.FIGURE.match(text[end:end + 24]) is not None
        place, start, end = start, max(0, start - before), min(len(text), end + after)
        joins = window and start <= window.end
        if not joins or end - window.start > Shown.LONGEST:
            if len(found.windows) == Shown.WINDOWS:
                continue
            window = Window(text, window.end if joins else start, end, place)
            window.order = len(found.windows)
            found.windows.append(window)
        window.add(word, end, figures)
    return places


# A window's words, widened to whole ones, after where they stand.
def excerpt(window):
    text, start, end = window.text, window.start, window.end
    head, tail = text[max(0, start - 24):start], text[end:end + 24]
    cut = max(head.rfind(' '), head.rfind('\n'))
    start -= len(head) - 1 - cut if cut >= 0 or start <= 24 else 0
    stop = re.search(r'[.!?;](?=\s)|\n\s*\n', text[end - 1:end + 80])
    cut = min((place for place in (tail.find(' '), tail.find('\n')) if place >= 0), default=0)
    end += stop.end() - 1 if stop else cut or (len(tail) if len(tail) < 24 else 0)
    lines = (' '.join(line.split()) for line in text[start:end].splitlines())
    words = '\n'.join(line for line in lines if line) + ('...' if window.is_cut else '')
    at = next((at for at, document in enumerate(Ours.documents) if document is text), None)
    if at is None:
        return words
    name = Ours.names[at] + ' ' if len(Ours.documents) > 1 else ''
    return f'[{name}{100 * start // max(1, len(text))}%{heading_above(text, Ours.names[at], start)}] {words}'


# The last line before a place that looks like a heading, if it is short, after the last with a year, if it has none.
def heading_above(text, name, start):
    start = line_start(text, start)
    if Shown.CODE.search(name):
        lines = [place[0] for place in places_in(text, 'DEFINITION', start - Shown.ABOVE, start)]
        inside = bool(lines) and lines[-1][0] in ' \t' and not Shown.HOLDER.match(lines[-1])
        holders = list(filter(Shown.HOLDER.match, lines)) if inside else []
        return ''.join(told(line.split('(')[0].rstrip(' :{')) for line in holders[-1:] + lines[-1:])
    above = line_start(text, start - 1)
    # A number below the line above is not its row's.
    heading = Shown.HEADING.match(text[above:start]) or last(places_in(text, 'HEADING', start - Shown.ABOVE, above))
    line = told(heading[1]) if heading else ''
    return line if Shown.YEAR.search(line) else told(dated_above(text, start)) + line


def last(items):
    return items[-1] if items else None


# The places of one of the patterns that begin between two places of a text.
def places_in(text, pattern, start, end):
    start, found = max(0, start), []
    for part in range(start // Shown.PART, end // Shown.PART + 1):
        key = id(text), pattern, part
        if key not in Shown.searched:
            edge = (part + 1) * Shown.PART
            # A heading is told by its own line and the next.
            stop = line_end(text, line_end(text, edge) + 1)
            places = getattr(Shown, pattern).finditer(text, part * Shown.PART, stop)
            Shown.searched[key] = [place for place in places if place.start() < edge]
        found += [place for place in Shown.searched[key] if start <= place.start() < end]
    return found


def line_start(text, place):
    return text.rfind('\n', 0, max(0, place)) + 1


def line_end(text, place):
    end = text.find('\n', place)
    return end if end >= 0 else len(text)


# The last heading with a year before a place.
def dated_above(text, start):
    years = places_in(text, 'YEAR', start - Shown.DATED, start)
    for year in reversed(years[-Shown.YEARS:]):
        heading = Shown.HEADING.match(text, line_start(text, year.start()))
        if heading:
            return heading[0]
    return ''


# A heading in a label.
def told(line):
    line = ' '.join(line.strip('=').split())
    return f', {line}' if 0 < len(line) <= Shown.LINE else ''


# What is shown: our own texts, and of each pattern the windows of the rarest words, as far as its share of the room goes.
# What the rare patterns don't need the others get.
def all_shown():
    own = '\n'.join(Shown.texts)
    if len(own) > Shown.OWN:
        own = own[:Shown.OWN] + f'... [{len(own) - Shown.OWN} characters more]'
    room = min(max(Shown.MOST - len(own), Shown.BESIDE), Shown.FIRST + Shown.EACH * len(Shown.found))
    taken, chosen = [], {}
    rarest = sorted(Shown.found.items(), key=lambda item: item[1].places)
    for given, (name, found) in enumerate(rarest):
        windows, used, here = choose(found, room // (len(rarest) - given), taken)
        room -= used + Shown.PATTERN
        chosen[name] = windows, here
        taken += windows
    lines = [own] if own else []
    told = 0
    for name, found in Shown.found.items():
        lines += lines_of(name, found, *chosen[name]) if found.places or told < Shown.NOWHERE else []
        told += not found.places
    if told > Shown.NOWHERE:
        lines.append(f'[{told - Shown.NOWHERE} more patterns stand nowhere]')
    return '\n'.join(lines)


# The best windows of a pattern that go into `room`: each gets a little of it before the best ones get all that they want. And
# the characters that they take, and the places that are shown in all.
def choose(found, room, taken):
    chosen, here = [], 0
    best = sorted(found.windows, key=Window.weight, reverse=True)[:found.most]
    best = best[:room // Shown.LEAST]
    left = room - Shown.LEAST * len(best)
    for window in map(copy.copy, best):
        more = join(window, taken + chosen, Shown.LEAST + left)
        if more is None:
            window.cut(Shown.LEAST + left)
            more = window.end - window.start
            chosen.append(window)
        left -= more - Shown.LEAST
        here += window.places
    return chosen, room - left, here


# The lines about a pattern, its windows in their order.
def lines_of(name, found, windows, here):
    head = f'/{name[:Shown.PATTERN]}/: ' + (f'{found.places} places' if found.places else 'nowhere')
    if not found.places and found.parts:
        head += ' (' + ', '.join(f'{part[:Shown.PATTERN]}: {count}' for part, count in found.parts.items()) + ')'
    if here < found.places:
        head += f', {here} of them here'
    elif found.places and not windows:
        head += ', among the passages of other patterns'
    return [head] + [excerpt(window) for window in sorted(windows, key=lambda window: window.order)]


# Joins a window to one that is shown already, if they overlap: the characters that this takes, else None.
def join(window, taken, room):
    for other in taken:
        if other.text is window.text and other.start < window.end and window.start < other.end:
            behind = min(max(0, window.end - other.end), room)
            before = min(max(0, other.start - window.start), room - behind)
            other.start, other.end = other.start - before, other.end + behind
            return before + behind


# What is shown, and the number of texts and places.
def shown_now():
    if Shown.made is None:
        Shown.made = all_shown()
    return Shown.made, len(Shown.texts) + sum(found.places for found in Shown.found.values())
