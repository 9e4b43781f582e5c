"""Runs check over the goldens in each machine-readable format and validates what it prints; TAP on standard output.

sarif-2.1.0-rtm.5.json is the schema of SARIF 2.1.0 as the npm package @microsoft/jest-sarif 1.0.0-beta.0 (MIT) ships
it."""

import glob
import json
import os
import re
import shlex
import subprocess
import sys

import jsonschema

POLICYC = sys.argv[1]
GITHUB = re.compile(rb"::(error|warning|notice) (file=[^,:]+,line=\d+,col=\d+,endLine=\d+,endColumn=\d+,)?title=[a-z0-9-]+::[^\n]+")
failed = False


def load(path):
    with open(path, encoding="utf-8") as file:
        schema = json.load(file)
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    return kind(schema)


FINDINGS = load("docs/findings.schema.json")
SARIF = load("tests/cli/sarif-2.1.0-rtm.5.json")


def check(directory, arguments, form):
    command = [POLICYC, "check", "--today", "2026-11-24", "--format", form, *arguments]
    return subprocess.run(command, cwd=directory, capture_output=True, check=False)


def report(name, problems):
    global failed
    if problems:
        failed = True
        print(f"not ok {name} - {problems[0]}")
    else:
        print(f"ok {name}")


def schema_problems(validator, document):
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(document)]


def unlisted_keys(document):
    """A schema that readers may rely on names all that there is."""
    properties = FINDINGS.schema["$defs"]["finding"]["properties"]
    keys = {key for finding in document["findings"] for key in finding} - set(properties)
    keys |= set(document) - set(FINDINGS.schema["properties"])
    return [f"not in the schema: {sorted(keys)}"] if keys else []


def output_problems(result):
    problems = []
    if result.returncode not in (0, 1):
        problems.append(f"status {result.returncode}: {result.stderr.decode()}")
    if re.search(rb"[^\n\x20-\x7e]", result.stdout):
        problems.append("more than printable ASCII in the output")
    return problems


def cases():
    for directory in sorted(glob.glob("tests/golden/*/")):
        name = os.path.basename(directory.rstrip("/"))
        inputs = [f"{name}.{ext}" for ext in ("msb", "json", "yaml") if os.path.exists(f"{directory}{name}.{ext}")]
        if os.path.exists(directory + "args"):
            with open(directory + "args", encoding="utf-8") as file:
                inputs += shlex.split(file.read())
        yield name, directory, inputs
    yield "policies", "policies", sorted(os.path.basename(path) for path in glob.glob("policies/*.msb"))


for case, where, given in cases():
    result = check(where, given, "json")
    problems = output_problems(result)
    findings = []
    if not problems:
        document = json.loads(result.stdout)
        findings = document["findings"]
        problems = schema_problems(FINDINGS, document) + unlisted_keys(document)
    report(f"findings/{case}", problems)

    result = check(where, given, "sarif")
    problems = output_problems(result)
    if not problems:
        document = json.loads(result.stdout)
        problems = schema_problems(SARIF, document)
        if len(document["runs"][0]["results"]) != len(findings):
            problems.append("other findings than in JSON")
    report(f"sarif/{case}", problems)

    result = check(where, given, "github")
    lines = result.stdout.splitlines()
    problems = [f"no annotation: {line!r}" for line in lines if not GITHUB.fullmatch(line)]
    if len(lines) != len(findings):
        problems.append(f"{len(lines)} annotations of {len(findings)} findings")
    report(f"github/{case}", problems)

sys.exit(failed)
