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


def make_quiz(*questions: tuple[str, dict[str, str]]):
    """`quiz(number, letter)` for some questions, counted from 1.

    A question is the correct letter, and for each letter the sentence that answers it.
    """

    def quiz(number: int, letter) -> Verdict:
        if letter is ...:
            return Verdict(False, UNANSWERED)
        if number not in range(1, len(questions) + 1):
            return Verdict(False, f"There are {len(questions)} questions, from 1.")
        correct, reasons = questions[number - 1]
        chosen = str(letter).strip().lower()
        if chosen not in reasons:
            return Verdict(False, f"Choose one of the letters {', '.join(reasons)}.")
        return Verdict(chosen == correct, reasons[chosen])

    quiz.questions = questions
    return quiz
