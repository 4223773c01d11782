# SPDX-License-Identifier: MIT
"""What the tests in Python share."""


class Verdicts:
    """What holds and what does not, counted."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def hold(self, condition, words):
        if condition:
            self.passed += 1
        else:
            self.failed += 1
            print(f"not ok - {words}")
