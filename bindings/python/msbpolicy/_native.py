"""The functions of libmsbpolicy, as msbpolicy.h declares them. MSBPOLICY_LIBRARY names another file to load."""
import ctypes
import os
from ctypes import POINTER, Structure, byref, c_char_p, c_int, c_size_t, c_uint, c_void_p

__all__ = ["Option", "Text", "Finding", "Verdict", "Difference", "byref", "c_void_p", "lib", "POINTER"]


class Option(Structure):
    _fields_ = [("name", c_char_p), ("value", c_char_p)]


class Text(Structure):
    _fields_ = [("name", c_char_p), ("text", c_char_p), ("len", c_size_t)]


class Finding(Structure):
    _fields_ = [("severity", c_int), ("code", c_char_p), ("file", c_char_p),
                ("line", c_uint), ("column", c_uint), ("end_line", c_uint), ("end_column", c_uint),
                ("text", c_char_p), ("label", c_char_p), ("example", c_char_p), ("example_verdict", c_char_p),
                ("help", c_char_p)]


class Verdict(Structure):
    _fields_ = [("allowed", c_int), ("rule", c_size_t), ("decider", c_char_p), ("place", c_char_p),
                ("text", c_char_p), ("because", c_char_p), ("json", c_char_p)]


class Difference(Structure):
    _fields_ = [("opens", c_size_t), ("closes", c_size_t), ("changes", c_size_t), ("text", c_char_p),
                ("json", c_char_p)]


lib = ctypes.CDLL(os.environ.get("MSBPOLICY_LIBRARY", "libmsbpolicy.so.0"))

_out = POINTER(c_void_p)  # where a text or a handle goes that is to be freed
_options = [POINTER(Option), c_size_t]
_functions = {
    "version": (c_char_p, []),
    "text_free": (None, [c_void_p]),
    "load_file": (c_int, [c_char_p, *_options, _out, _out]),
    "load_texts": (c_int, [POINTER(Text), c_size_t, *_options, _out, _out]),
    "free": (None, [c_void_p]),
    "check": (c_int, [c_void_p, _out, _out]),
    "findings_count": (c_size_t, [c_void_p]),
    "findings_get": (POINTER(Finding), [c_void_p, c_size_t]),
    "findings_json": (c_char_p, [c_void_p]),
    "findings_free": (None, [c_void_p]),
    "evaluate": (c_int, [c_void_p, c_char_p, POINTER(POINTER(Verdict)), _out]),
    "verdict_free": (None, [POINTER(Verdict)]),
    "explain": (c_int, [c_void_p, c_char_p, c_int, _out, _out]),
    "compile": (c_int, [c_void_p, c_int, _out, _out]),
    "diff": (c_int, [c_void_p, c_void_p, POINTER(POINTER(Difference)), _out]),
    "difference_free": (None, [POINTER(Difference)]),
}
for _name, (_result, _arguments) in _functions.items():
    _function = getattr(lib, "msbpolicy_" + _name)
    _function.restype = _result
    _function.argtypes = _arguments
