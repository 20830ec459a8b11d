"What every check is made of: it looks at an answer, and says what is wrong with it."

import functools
from dataclasses import dataclass

UNANSWERED = "There is no answer yet: put yours in place of the dots."
NAN = "Your answer is nan, which is no number: a logarithm or a division in it has gone wrong."


@dataclass(frozen=True)
class Verdict:
    "Whether an answer is right, and a sentence that says why or what is wrong."

    right: bool
    message: str

    def __repr__(self):
        return f"{'Right' if self.right else 'Not yet'}. {self.message}"


class Unanswered(Exception):
    "The answer is still the dots."


def call(function, *arguments):
    "What the reader's function gives; `Unanswered` where its body is still the dots."
    result = function(*arguments)
    if result is ...:
        raise Unanswered
    return result


def check(praise: str):
    "Make a check of a function that says what is wrong with an answer, or returns None."

    def decorate(find_fault):
        @functools.wraps(find_fault)
        def checked(*answer) -> Verdict:
            try:
                if any(part is ... for part in answer):
                    raise Unanswered
                if any(part != part for part in answer if isinstance(part, float)):
                    return Verdict(False, NAN)
                fault = find_fault(*answer)
            except Unanswered:
                return Verdict(False, UNANSWERED)
            except Exception as error:
                return Verdict(
                    False, f"Your answer could not be used: {type(error).__name__}: {error}"
                )
            return Verdict(fault is None, fault or praise)

        return checked

    return decorate
