"""What an answer may be: a number, an array, a function, a list of texts.

A kind accepts every usual form of such an answer. Of anything else it says in a sentence what it
is, and what is wanted. No answer is printed or compared before its type is known.
"""

import inspect
import math
import reprlib
from collections.abc import Callable, Set
from dataclasses import dataclass
from numbers import Integral, Real

import numpy as np
import torch

LARGEST = 1e15  # no answer is a larger number
MOST = 10_000_000  # no answer has more numbers


class Unanswered(Exception):
    "The answer is still the dots."


class WrongAnswer(Exception):
    "An answer that cannot be used; the text says why, in a sentence."


class Unfit(Exception):
    "What an answer is, where its type alone does not say it."


def shape_text(shape: tuple) -> str:
    "A shape as a text: `a single number`, `5 numbers`, `3×3 numbers`."
    return f"{'×'.join(map(str, shape))} numbers" if shape else "a single number"


def described(value) -> str:
    "What an object is, in a few words, without running code of its own."
    kind = type(value)
    if value is None or kind is bool:
        return str(value)
    if kind in (int, float, complex):
        return reprlib.repr(value)
    if kind in (str, bytes):
        return f"the {'text' if kind is str else 'bytes'} {reprlib.repr(value)}"
    if kind in (list, tuple, set, dict):
        return f"a {kind.__name__} of {len(value)}"
    if issubclass(kind, torch.Tensor):
        return f"a tensor of {shape_text(tuple(value.shape))}"
    if kind is np.ndarray:
        return f"an array of {shape_text(value.shape)} ({value.dtype})"
    if inspect.isgenerator(value):
        return "a generator: `return` a result, and do not `yield` it"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if inspect.isroutine(value):
        return "a function"
    return f"an object of type {kind.__name__}"


@dataclass(frozen=True)
class Kind:
    "A kind of answer: what it is called, and how to make one form of its many forms."

    noun: str
    convert: Callable

    def of(self, value, subject: str):
        """The answer in the form that checks use.

        `subject` begins the sentence about any other answer: "`share` should be".
        """
        if value is ...:
            raise Unanswered
        try:
            return self.convert(value)
        except Unfit as unfit:
            raise WrongAnswer(f"{subject} {self.noun}, not {unfit}.") from None
        except Exception as error:  # an answer may be any object, and raise anything
            raise WrongAnswer(f"{subject} {self.noun}, not {described(value)}.") from error


def _plain(value) -> np.ndarray:
    "The numbers of an array, a tensor, a number or nested lists, of the type that they have."
    if isinstance(value, (list, tuple)):
        value = np.asarray([_element(each) for each in value])
    elif isinstance(value, torch.Tensor):
        if value.numel() > MOST:
            raise Unfit(f"{value.numel():.3g} of them")
        value = value.detach().cpu().to_dense()
        value = (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    elif isinstance(value, (str, bytes)) or not hasattr(type(value), "__array__"):
        raise TypeError
    elif getattr(value, "size", 0) > MOST:
        raise Unfit(f"{value.size:.3g} of them")
    found = np.asarray(value)
    if found.dtype.kind not in "biuf":
        raise TypeError
    return found


def _element(value):
    "What an element of a list contributes to an array."
    return value if isinstance(value, (bool, Real)) else _plain(value)


def _values(value) -> np.ndarray:
    "As `_plain`, also for a single number of Python and a range."
    if isinstance(value, range):
        if len(value) > MOST:
            raise Unfit(f"a range of {len(value):.3g}")
        value = list(value)
    if isinstance(value, Real):
        value = np.float64(_any_number(value))
    return _plain(value)


def _array(value) -> np.ndarray:
    "Numbers as float64, none of them nan or infinite."
    found = _values(value).astype(float)
    if not np.isfinite(found).all():
        missing = "nan" if np.isnan(found).any() else "infinite"
        raise Unfit(f"{shape_text(found.shape)} of which some are {missing}")
    return found


def _tensor(value) -> torch.Tensor:
    "A tensor without a gradient; an array becomes one."
    if not isinstance(value, torch.Tensor):
        if not isinstance(value, np.ndarray):
            raise TypeError
        return torch.as_tensor(_plain(value).copy())
    if value.numel() > MOST:
        raise Unfit(f"one of {value.numel():.3g} numbers")
    if value.is_floating_point() and not value.isfinite().all():
        raise Unfit("one in which some numbers are nan or infinite")
    return value.detach().cpu().to_dense()


def _two_tensors(value) -> tuple[torch.Tensor, torch.Tensor]:
    "Two tensors of real numbers in float64; a list of them serves as well as a tuple."
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise TypeError
    for part in value:
        if not isinstance(part, (torch.Tensor, np.ndarray)):
            raise Unfit(f"{described(part)} as one of them")
    first, second = map(_tensor, value)
    if first.is_complex() or second.is_complex():
        raise Unfit("one of complex numbers")
    return first.double(), second.double()


def _any_number(value) -> int | float:
    "A real number, or the only one of an array; nan and inf are numbers here."
    if isinstance(value, (torch.Tensor, np.ndarray)):
        if np.prod(value.shape) != 1:
            raise TypeError
        value = _plain(value).item()
    if isinstance(value, (bool, np.bool_)):
        raise TypeError
    if isinstance(value, Integral):
        value = int(value)
        if abs(value) > LARGEST:
            raise Unfit("one of so many digits")
        return value
    if isinstance(value, (complex, np.complexfloating, str, bytes)):
        raise TypeError
    if not isinstance(value, Real) and type(value).__module__ != "decimal":
        raise TypeError
    return float(value)


def _number(value) -> int | float:
    "A finite number of a size that can be an answer."
    found = _any_number(value)
    if math.isnan(found):
        raise Unfit("nan: a logarithm or a division in it has gone wrong")
    if abs(found) > LARGEST:
        raise Unfit(f"{found:g}")
    return found


def _whole(value) -> int:
    "A whole number, also where it is written 36.0."
    found = _number(value)
    if found != round(found):
        raise Unfit(f"{found:g}")
    return round(found)


def _list(value) -> list:
    "The elements of a list, a tuple, a range or a one-dimensional array."
    if isinstance(value, (torch.Tensor, np.ndarray, range)):
        value = _values(value).tolist()
    if not isinstance(value, (list, tuple)):
        raise TypeError
    return list(value)


def _texts(value) -> list[str]:
    "A list of texts."
    return [_text(each) for each in _list(value)]


def _names(value) -> set[str]:
    "A set of texts; a list of them serves as well."
    elements = list(value) if isinstance(value, Set) else _list(value)
    return {_text(each) for each in elements}


def _text(value) -> str:
    if not isinstance(value, str):
        raise TypeError
    return str(value)


def _function(value):
    if not callable(value):
        raise TypeError
    return value


def _instance(*kinds: type) -> Callable:
    "A conversion that accepts objects of some types as they are."

    def convert(value):
        if not isinstance(value, kinds):
            raise TypeError
        return value

    return convert


NUMBER = Kind("a number", _number)
ANY_NUMBER = Kind("a number", _any_number)  # nan and inf included
WHOLE = Kind("a whole number", _whole)
ARRAY = Kind("an array of numbers", _array)  # float64, all finite
VALUES = Kind("an array of numbers", _values)  # of any real type, nan included
TENSOR = Kind("a tensor", _tensor)
TWO_TENSORS = Kind("two tensors", _two_tensors)
FUNCTION = Kind("a function", _function)
LIST = Kind("a list", _list)
TEXT = Kind("a text", _text)
TEXTS = Kind("a list of texts", _texts)
NAMES = Kind("a set of names", _names)


def instance_of(noun: str, *kinds: type) -> Kind:
    "The kind of objects that are instances of some types."
    return Kind(noun, _instance(*kinds))
