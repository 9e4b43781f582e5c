#!/usr/bin/env python3
"""events-valid.py SCHEMA FILE…: every line of the files is an event as the schema says; how many there were, or what is wrong."""

import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft7Validator.check_schema(schema)
validator = jsonschema.Draft7Validator(schema)
lines = wrong = 0
for path in sys.argv[2:]:
    with open(path, encoding="ascii") as file:
        for line in file:
            lines += 1
            for error in validator.iter_errors(json.loads(line)):
                wrong += 1
                print(f"{path}: {error.message}\n  {line}", end="")
print(f"{lines} lines")
sys.exit(wrong > 0 or not lines)
