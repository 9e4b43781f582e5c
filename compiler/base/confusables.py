#!/usr/bin/env python3
"""Makes confusables.inc: the characters of Unicode's confusables.txt (UTS 39) that may stand in a domain name and look like
ASCII letters and digits. usage: confusables.py <confusables.json, of Debian's python3-confusable-homoglyphs"""
import json, re, sys, unicodedata

table = {}
for char, others in json.load(sys.stdin).items():
    if len(char) != 1 or ord(char) < 0x80 or char.lower() != char or unicodedata.normalize("NFKC", char) != char:
        continue  # what IDNA does not leave in a name
    if unicodedata.category(char)[0] not in "LNM":
        continue
    plain = sorted({o["c"] for o in others if re.fullmatch("[a-z0-9]{1,2}|[IO]", o["c"])},
                   key=lambda c: (c.isdigit(), len(c), c.isupper(), c != "l", c))
    if plain:
        table[ord(char)] = {"I": "l", "O": "o"}.get(plain[0], plain[0])
table[0x04CF] = "l"  # the palochka: the file has it with "i", and its capital with "l", as which both are drawn
print("""/* Made by confusables.py from Unicode's confusables.txt. Copyright 1991-2022 Unicode, Inc. All rights reserved.
 * Distributed under the Terms of Use in https://www.unicode.org/copyright.html: permission is granted, free of charge, to
 * any person obtaining a copy of the Unicode data files to deal in them without restriction, provided that this notice
 * appears with all copies. They come as they are, without warranty of any kind. */""")
for code, plain in sorted(table.items()):
    print(f'{{ 0x{code:04x}, "{plain}" }},')
