"""Network policies: check, ask, explain, compile, compare.

    >>> policy = Policy.from_text("agent.msb", "allow@github.com:tcp:443")
    >>> policy.evaluate("egress@github.com:tcp:443").allowed
    True

A policy is one thread's at a time. Errors are PolicyError, whose text says where and what.
"""
from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Iterable, Mapping, Optional, Tuple, Union

from . import _native
from ._native import POINTER, byref, c_void_p, lib

__all__ = ["Policy", "Finding", "Verdict", "Difference", "PolicyError", "UsageError", "SystemFailure", "version"]

#: Options of msb-policyc's by their names without dashes; value None: a switch
Options = Iterable[Tuple[str, Optional[str]]]


class PolicyError(Exception):
    """Errors in a policy. `policy`: what was loaded nevertheless, to be checked; or None."""

    policy: Optional["Policy"] = None


class UsageError(PolicyError):
    """An option or a flow that cannot be read."""


class SystemFailure(PolicyError):
    """A file that could not be read."""


@dataclass(frozen=True)
class Finding:
    """What is wrong or risky at a place. Lines and columns begin with 1; without a place `file` is None."""

    severity: str  # "error", "warning", "note"
    code: str
    file: Optional[str]
    line: int
    column: int
    end_line: int
    end_column: int
    text: str
    label: Optional[str]
    example: Optional[str]
    example_verdict: Optional[str]
    help: Optional[str]


@dataclass(frozen=True)
class Verdict:
    """How a flow fares. `rule`: the number of the rule that decided, from 1; None: no rule did."""

    allowed: bool
    rule: Optional[int]
    decider: str
    place: Optional[str]
    text: str
    because: Optional[str]
    json: str


@dataclass(frozen=True)
class Difference:
    """How many changes open something, close something, do neither; and which, for people and programs."""

    opens: int
    closes: int
    changes: int
    text: str
    json: str


def version() -> str:
    """The version of the library that runs."""
    return lib.msbpolicy_version().decode()


def _bytes(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogateescape")
    if b"\0" in encoded:
        raise UsageError("a text with a NUL in it")
    return encoded


def _text(value: Optional[bytes]) -> Optional[str]:
    return None if value is None else value.decode("utf-8", "replace")


def _take(pointer: c_void_p) -> str:
    """A text of the library's, which is freed."""
    try:
        return _native.ctypes.string_at(pointer.value or 0).decode("utf-8", "replace") if pointer.value else ""
    finally:
        lib.msbpolicy_text_free(pointer)


def _error(status: int, error: c_void_p) -> PolicyError:
    kinds = {1: PolicyError, 2: UsageError, 3: SystemFailure}
    return kinds[status](_take(error))


def _options(options: Options) -> Any:
    pairs = [(_bytes(name), None if value is None else _bytes(value)) for name, value in options]
    return (_native.Option * len(pairs))(*pairs), len(pairs)


class Policy:
    """A policy, from a file or from texts."""

    def __init__(self, path: Union[str, "os.PathLike[str]", None], options: Options = ()) -> None:
        """Loads the file, and what it includes. None: the options alone say the policy."""
        given = None if path is None else _bytes(os.fspath(path))
        self._load(lib.msbpolicy_load_file, (given,), options)

    @classmethod
    def from_text(cls, name: str, text: Union[str, bytes], options: Options = (),
                  others: Optional[Mapping[str, Union[str, bytes]]] = None) -> "Policy":
        """Loads a text. `others` are what it includes, by name; no file is read."""
        self = cls.__new__(cls)
        items = []
        for key, value in {name: text, **(others or {})}.items():
            data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
            items.append(_native.Text(_bytes(key), data, len(data)))
        self._load(lib.msbpolicy_load_texts, ((_native.Text * len(items))(*items), len(items)), options)
        return self

    def _load(self, function: Any, arguments: Tuple[Any, ...], options: Options) -> None:
        self._handle, error = c_void_p(), c_void_p()
        given, count = _options(options)
        status = function(*arguments, given, count, byref(self._handle), byref(error))
        if status:
            failure = _error(status, error)
            failure.policy = self if self._handle.value else None
            raise failure

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            lib.msbpolicy_free(self._handle)

    def _text_of(self, function: Any, *arguments: Any) -> str:
        out, error = c_void_p(), c_void_p()
        status = function(self._handle, *arguments, byref(out), byref(error))
        if status:
            raise _error(status, error)
        return _take(out)

    def _findings(self) -> c_void_p:
        out, error = c_void_p(), c_void_p()
        status = lib.msbpolicy_check(self._handle, byref(out), byref(error))
        if status:
            raise _error(status, error)
        return out

    def check(self) -> list[Finding]:
        """What is wrong or risky, in the order of places."""
        findings = self._findings()
        names = ("note", "warning", "error")
        try:
            result = []
            for i in range(lib.msbpolicy_findings_count(findings)):
                raw = lib.msbpolicy_findings_get(findings, i).contents
                values = [getattr(raw, name) for name, _ in raw._fields_]
                result.append(Finding(names[values[0]],
                                      *(_text(v) if isinstance(v, bytes) else v for v in values[1:])))
            return result
        finally:
            lib.msbpolicy_findings_free(findings)

    def check_json(self) -> str:
        """The same as `msb-policyc check --format json` prints it."""
        findings = self._findings()
        try:
            return lib.msbpolicy_findings_json(findings).decode()
        finally:
            lib.msbpolicy_findings_free(findings)

    def evaluate(self, flow: str) -> Verdict:
        """Judges a flow or a lookup: "egress@github.com:tcp:443", "dns@x.org"."""
        out, error = POINTER(_native.Verdict)(), c_void_p()
        status = lib.msbpolicy_evaluate(self._handle, _bytes(flow), byref(out), byref(error))
        if status:
            raise _error(status, error)
        raw = out.contents
        try:
            return Verdict(bool(raw.allowed), raw.rule or None, raw.decider.decode(), _text(raw.place),
                           raw.text.decode(), _text(raw.because), raw.json.decode())
        finally:
            lib.msbpolicy_verdict_free(out)

    def explain(self, flow: str, json: bool = False) -> str:
        """Why the flow fares so: each rule considered, for people or as JSON."""
        return self._text_of(lib.msbpolicy_explain, _bytes(flow), int(json))

    def compile_nft(self) -> str:
        """The ruleset for `nft -f`."""
        return self._text_of(lib.msbpolicy_compile, 0)

    def compile_dns(self) -> str:
        """The DNS allowlist, JSON."""
        return self._text_of(lib.msbpolicy_compile, 1)

    def diff(self, after: "Policy") -> Difference:
        """Which flows change verdict from this policy to `after`."""
        out, error = POINTER(_native.Difference)(), c_void_p()
        status = lib.msbpolicy_diff(self._handle, after._handle, byref(out), byref(error))
        if status:
            raise _error(status, error)
        raw = out.contents
        try:
            return Difference(raw.opens, raw.closes, raw.changes, raw.text.decode(), raw.json.decode())
        finally:
            lib.msbpolicy_difference_free(out)
