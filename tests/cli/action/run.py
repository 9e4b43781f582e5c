"""Runs the `run:` blocks of a composite action (or of a workflow's job) as GitHub's runner does: bash -eo pipefail, the
step's env, `if: always()`. usage: run.py FILE INPUT=VALUE... ; the runner's own environment is the caller's. Prints
"STEP status" behind what each step prints; the status is 1 where a step failed."""
import os
import re
import subprocess
import sys
import yaml

document = yaml.safe_load(open(sys.argv[1]))
given = dict(argument.split("=", 1) for argument in sys.argv[2:])
steps = document["runs"]["steps"] if "runs" in document else document["jobs"]["review"]["steps"]
inputs = {name: given.get(name, str(spec.get("default", ""))) for name, spec in document.get("inputs", {}).items()}
context = {"github.action_path": os.environ.get("ACTION_PATH", ""), "github.token": os.environ.get("TEST_TOKEN", ""),
           "vars.MSB_POLICY_REPOSITORY": "https://example.org/msb-policy"}
context.update({f"inputs.{name}": value for name, value in inputs.items()})


def expand(text):
    for _ in range(2):  # an input's default may name the token
        text = re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda found: context[found[1]], str(text))
    return text


failed = False
for step in steps:
    if "run" not in step or (failed and step.get("if") != "always()"):
        continue
    if "${{" in step["run"]:
        sys.exit(f"{step['name']}: an expression in a script")
    script = os.path.join(os.environ["RUNNER_TEMP"], "step.sh")
    open(script, "w").write(step["run"])
    env = dict(os.environ, **{name: expand(value) for name, value in step.get("env", {}).items()})
    status = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", script], env=env).returncode
    print(f"[{step['name']}] {status}", flush=True)
    failed = failed or status != 0
sys.exit(failed)
