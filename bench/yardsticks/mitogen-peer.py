"""
Mitogen on this host. Reads lines: `first-result 1`, `call N`, `in-flight N`, `bulk BYTES`; answers
each with the seconds that it took; `call` with those of one call, the median.
"""

import os
import statistics
import sys
import time

import mitogen.core
import mitogen.master

broker = mitogen.master.Broker()
router = mitogen.master.Router(broker)
context = router.local(python_path=sys.executable)


def first_result(_):
    start = time.perf_counter()
    own = router.local(python_path=sys.executable)
    own.call(os.getcwd)
    seconds = time.perf_counter() - start
    own.shutdown(wait=True)
    return seconds


def call(count):
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        context.call(os.getcwd)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def in_flight(count):
    start = time.perf_counter()
    for receiver in [context.call_async(os.getcwd) for _ in range(count)]:
        receiver.get()
    return time.perf_counter() - start


def bulk(size):
    data = mitogen.core.Blob(bytes(size))
    start = time.perf_counter()
    context.call(len, data)
    return time.perf_counter() - start


COMMANDS = {"first-result": first_result, "call": call, "in-flight": in_flight, "bulk": bulk}

try:
    for line in iter(sys.stdin.readline, ""):
        command, number = line.split()
        print(COMMANDS[command](int(number)), flush=True)
finally:
    broker.shutdown()
    broker.join()
