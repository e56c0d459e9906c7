# SPDX-License-Identifier: Apache-2.0
"""Makes cases.json: small TOML texts, and what Python's tomllib (3.11 or later) says of each.

A value is one line: i:DECIMAL, f:BIT PATTERN (hexadecimal, or nan), b:true, s:UTF-8 (hexadecimal), [a,b], {key=value,...}
with keys as strings in hexadecimal, sorted. Whole numbers beyond 64 bits count as refused; texts with dates are left out.
"""
import datetime, json, pathlib, random, struct, tomllib

BASES = [
    'a = 1\nb = [1.5, true, "x"]\n[t]\nc = \'y\'\n[t.u]\nd = 0x1F\n[[l]]\ne = 1e-3\n[[l]]\ne.f = {g = 1, h.i = [[]]}\n',
    'a.b.c = 1\na.d = 2\n[e.f]\ng = 1\n[e]\nh = 1\n[e.f.i]\nj = 2\n',
    '[[a]]\n[[a.b]]\nc = 1\n[a.d]\ne = 2\n[[a]]\n[[a.b]]\nc = 2\n[a.d.f]\n',
    'a = """\nx\\\n  y"z""w\\u00e9"""\nb = \'\'\'l\'\'m\'\'\'\n"q r" = "\\t\\"\\\\"\n\'\' = \'\'\n',
    'a = [ # c\n  1,\n\n  2, # d\n]\r\nb = {}\r\nc = [{d = 1}, {d = -2.5e+3}]\r\ne = +inf\nf = nan\ng = 1_000\nh = 0b1_0\n',
]
PIECES = [
    *'[]{}=.,#"\'\\\n\r\t_-+! ', '[[', ']]', '"""', "'''", '\r\n', '0', '00', '1', '-0', '1e9', '1.', '.1', '1_0', '0x', '0o7',
    'true', 'false', 'inf', '-nan', '9223372036854775807', '9223372036854775808', '-9223372036854775808', '1e999', 'a', 'b',
    'a.b', '[a]\n', '[[a]]\n', '[a.b]\n', 'a = 1\n', 'a.b = 1\n', 'é', '\x00', '\x7f', '\u2028', '\\u0041', '\\ud800',
    '\\U0010FFFF', '\\U00110000', '\\x41', '\\e',
]
LINES = [
    '[a]', '[b]', '[a.b]', '[a.b.c]', '[[a]]', '[[a.b]]', '[[a.b.c]]', 'a = 1', 'b = 1', 'a.b = 1', 'b.c = 1', 'a.b.c = 1', 'c = {}',
    'a = {b = 1}', 'b = {c.d = 1}', 'a = [{}]', 'a.b = [{c = 1}]', 'b = [[]]',
]
SPECIAL = [
    '', '\n', '#', 'a = 1', 'a = ,', '[!]', 'a = # 3', 'a =', 'a', '[]', '[[]]', '[a', '[[a]', '[ a . b ]', '[ [a] ]', '= 1',
    'a = "\\u0000"', 'a = {b = 1,}', 'a = {b = 1\n}', 'a = {,}', 'a = [,]', 'a = [1,]', '1 = 2', '1.2 = 3', '- = 1', 'a = 1 b = 2',
    'a = 1\na = 1', '[a]\n[a]', '[a]\n[[a]]', '[[a]]\n[a]', 'a = []\n[[a]]', 'a = [{}]\n[a.b]', 'a = {}\n[a]', 'a = {}\n[a.b]',
    'a = {b.c = 1}\n[a.b.d]', 'a.b = 1\n[a]', 'a.b = 1\n[a.c]', '[a]\nb.c = 1\n[a.b]', '[a]\nb.c = 1\n[a.b.d]', '[a.b]\n[a]\nb.c = 1',
    '[a.b.c]\n[a]\nb.d = 1', '[a.b.c]\n[a.b]\n[a]', 'a = {b = 1, b = 2}', 'a = {b.c = 1, b.d = 2}', 'a = {b.c = 1, b = 2}',
    '[[a.b]]\n[a]', '[[a.b]]\n[[a]]', '[a]\n[a.b]\n[[a.b]]', '"a" = 1\na = 2', '"" = 1\n\'\' = 2', "a = '\n'", 'a = "\n"',
    'a = """\\ \n"""', 'a = """\\ x"""', 'a = """"""""', 'a = """"""', "a = '''''''''", 'a = """""""""""', '\ufeffa = 1',
]


def shown(value):
    if isinstance(value, bool): return f'b:{str(value).lower()}'
    if isinstance(value, int):
        if not -2**63 <= value < 2**63: raise OverflowError
        return f'i:{value}'
    if isinstance(value, float): return 'f:nan' if value != value else f'f:{struct.unpack("<Q", struct.pack("<d", value))[0]:x}'
    if isinstance(value, str): return 's:' + value.encode().hex()
    if isinstance(value, list): return '[' + ','.join(map(shown, value)) + ']'
    if isinstance(value, dict):
        return '{' + ','.join(sorted(f's:{key.encode().hex()}={shown(inner)}' for key, inner in value.items())) + '}'
    raise TypeError


def mutated(random, text):
    for _ in range(random.choice([1, 1, 2])):
        place, piece = random.randrange(len(text) + 1), random.choice(PIECES)
        kind, length = random.randrange(4), random.randrange(8)
        if kind == 0: text = text[:place] + text[place + length:]
        elif kind == 1: text = text[:place] + piece + text[place:]
        elif kind == 2: text = text[:place] + piece + text[place + 1:]
        else:
            equals = text.find('=', place)
            if equals >= 0:
                end = text.find('\n', equals)
                text = text[:equals + 1] + ' ' + piece + (text[end:] if end >= 0 else '')
    return text


def cases(texts):
    accepted, refused = [], []
    for text in texts:
        try:
            accepted.append({'text': text, 'value': shown(tomllib.loads(text))})
        except (tomllib.TOMLDecodeError, OverflowError):
            refused.append(text)
        except TypeError:
            pass
    return {'accepted': accepted, 'refused': refused}


if __name__ == '__main__':
    random = random.Random(1)
    texts = SPECIAL + BASES
    texts += ['\n'.join(random.choices(LINES, k=random.randint(2, 4))) for _ in range(300)]
    texts += [mutated(random, random.choice(BASES)) for _ in range(200)]
    out = pathlib.Path(__file__).parent / 'cases.json'
    out.write_text(json.dumps(cases(dict.fromkeys(texts)), indent=0) + '\n')
