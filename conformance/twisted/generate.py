"""Runs random programs on real Twisted, and writes down what was called on each Deferred.

    python3 -m venv /tmp/twisted && /tmp/twisted/bin/pip install twisted==26.10.0
    /tmp/twisted/bin/python conformance/twisted/generate.py > conformance/twisted/corpus.txt

The corpus is checked in, so `cargo test` needs no Python: `conformance/tests/twisted.rs` carries the programs out on Fate, and the
calls on each Deferred must be the same. The same seed gives the same corpus.

Each line is

    program | calls on 0; calls on 1; ... | failures that were reported unheard

in the words of `conformance/src/bodies/deferreds/text.rs`. Programs add, fire, fail, pause, unpause, cancel and chain. They end by
firing and unpausing everything, so that nothing is left waiting. Values and failures are numbers that say where they came from.

What is left out, or evened out, because Fate differs on purpose (see SEMANTICS):

- Fate never runs anything in place, Twisted always does. The replay therefore takes a turn after every operation; and programs are
  thrown away in which a Deferred is given back while one of its own steps is running, having set off the other.
- A Deferred that a step gives back is moved into that step: nobody can add to it any more, and no other step can give it back.
- A step gives back a Deferred that was made before its own, and sets off one that was made after it, so there are no rings.
- Promises fire once, by type. What fires a Deferred that was cancelled is ignored: Twisted does so once, and only if there was no
  canceller; then it raises AlreadyCalledError, which is caught here.
- Cancellers that raise: Twisted leaves the Deferred unfired, Fate fails it with `Cancelled`.
- Unpausing more often than pausing: Twisted counts below zero and never runs again, Fate does nothing.
- Only failures of the program's own making are listed as unheard: a `CancelledError` that was asked for is silent in Fate.
"""

import gc
import random
import sys

from twisted.internet.defer import AlreadyCalledError, CancelledError, Deferred
from twisted.logger import globalLogBeginner

SEED = 1865
PROGRAMS = 1_000


class Own(Exception):
    """A failure of the program's own making."""


def fired(number):
    return number


def made(step):
    return 1_000 + step


def cancelled(number):
    return 1_000_000 + number


def outcome(result):
    """What a step was called with, as text."""
    if isinstance(result, int):
        return f"v{result}"
    error = result.value
    return f"e{error.args[0]}" if isinstance(error, Own) else "c" if isinstance(error, CancelledError) else f"?{error!r}"


def fire(deferred, result):
    """Fires, unless it was cancelled."""
    try:
        deferred.callback(result) if isinstance(result, int) else deferred.errback(result)
    except AlreadyCalledError:
        pass


class Node:
    """A Deferred, and what the program still has in hand of it."""

    def __init__(self, canceller):
        self.deferred = Deferred(canceller)
        self.can_add = True
        self.can_fire = True
        self.pauses = 0
        self.calls = []


class Program:
    """Makes a program up as it goes along, carries it out, and keeps what was called."""

    def __init__(self, dice):
        self.dice = dice
        self.nodes = []
        self.ops = []
        self.steps = 0
        self.running = []
        self.is_entangled = False

    def pick(self, is_wanted):
        wanted = [number for number, node in enumerate(self.nodes) if is_wanted(node)]
        return self.dice.choice(wanted) if wanted else None

    def make(self):
        number = len(self.nodes)
        kind = self.dice.choice(["", "", "", "v", "f", "n"])
        canceller = {
            "": None,
            "v": lambda deferred: deferred.callback(cancelled(number)),
            "f": lambda deferred: deferred.errback(Own(cancelled(number))),
            "n": lambda deferred: None,
        }[kind]
        self.nodes.append(Node(canceller))
        self.ops.append(f"m{kind}")

    def add(self):
        number = self.pick(lambda node: node.can_add)
        if number is None:
            return
        side, does, step = self.dice.choice("ccccceebbp"), self.dice.choice("vvvffggggs"), self.steps

        def action(result):
            return made(step)

        if does == "f":

            def action(result):
                raise Own(made(step))

        elif does == "g":
            inner = self.pick(lambda node: node.can_add and self.nodes.index(node) < number)
            if inner is None:
                return
            self.nodes[inner].can_add = False
            given = self.nodes[inner].deferred

            def action(result):
                self.is_entangled |= inner in self.running
                return given

            does = f"g{inner}"
        elif does == "s":
            other = self.pick(lambda node: node.can_fire and self.nodes.index(node) > number)
            if other is None:
                return
            self.nodes[other].can_fire = False
            target, side = self.nodes[other].deferred, "b"

            def action(result):
                fire(target, result)
                return made(step)

            does = f"s{other}"
        if side == "p" and does != "v":
            side = "b"
        self.attach(number, side, action, step)
        self.ops.append(f"{side}{number}={does}")
        self.steps += 1

    def attach(self, number, side, action, step):
        node = self.nodes[number]

        def call(result):
            node.calls.append(f"{step}:{outcome(result)}")
            self.running.append(number)
            try:
                return action(result)
            finally:
                self.running.pop()

        if side == "c":
            node.deferred.addCallback(call)
        elif side == "e":
            node.deferred.addErrback(call)
        elif side == "b":
            node.deferred.addBoth(call)
        else:
            node.deferred.addCallbacks(call, call)

    def end_promise(self, number, fails):
        self.nodes[number].can_fire = False
        fire(self.nodes[number].deferred, Own(fired(number)) if fails else fired(number))
        self.ops.append(f"{'x' if fails else 'f'}{number}")

    def pause(self, number):
        self.nodes[number].pauses += 1
        self.nodes[number].deferred.pause()
        self.ops.append(f"z{number}")

    def unpause(self, number):
        self.nodes[number].pauses -= 1
        self.nodes[number].deferred.unpause()
        self.ops.append(f"w{number}")

    def cancel(self, number):
        self.nodes[number].deferred.cancel()
        self.ops.append(f"k{number}")

    def step(self):
        """One operation."""
        choice = self.dice.randrange(20)
        if choice < 3 and len(self.nodes) < 9:
            self.make()
        elif choice < 11:
            self.add()
        elif choice < 14:
            number = self.pick(lambda node: node.can_fire)
            if number is not None:
                self.end_promise(number, self.dice.random() < 0.35)
        elif choice < 16:
            number = self.pick(lambda node: True)
            if number is not None:
                self.pause(number)
        elif choice < 18:
            number = self.pick(lambda node: node.pauses)
            if number is not None:
                self.unpause(number)
        else:
            number = self.pick(lambda node: True)
            if number is not None:
                self.cancel(number)

    def run(self):
        for _ in range(self.dice.randrange(8, 70)):
            self.step()
        for number, node in enumerate(self.nodes):
            if node.can_fire:
                self.end_promise(number, False)
            while node.pauses:
                self.unpause(number)
        return [" ".join(node.calls) for node in self.nodes]


reported = []


def observe(event):
    failure = event.get("log_failure")
    if failure is not None and isinstance(failure.value, Own):
        reported.append(failure.value.args[0])


def unheard(program):
    """What is reported when everything is let go. The program has the last references to its Deferreds."""
    reported.clear()
    program.nodes.clear()
    gc.collect()
    return [f"e{number}" for number in sorted(reported)]


def main():
    globalLogBeginner.beginLoggingTo([observe], redirectStandardIO=False, discardBuffer=True)
    print("# Made by generate.py, which says what this is.")
    dice, seen = random.Random(SEED), set()
    while len(seen) < PROGRAMS:
        program = Program(dice)
        calls = program.run()
        text = " ".join(program.ops)
        failures = unheard(program)
        if text not in seen and sum(map(len, calls)) and not program.is_entangled:
            seen.add(text)
            print(f"{text} | {'; '.join(calls)} | {' '.join(failures)}".rstrip())


if __name__ == "__main__":
    sys.exit(main())
