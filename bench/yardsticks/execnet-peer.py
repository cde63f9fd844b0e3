"""
execnet on this host. Reads lines: `first-result 1`, `call N`, `in-flight N`, `bulk BYTES`; answers
each with the seconds that it took; `call` with those of one call, the median.
"""

import statistics
import sys
import time

import execnet

ECHO = "for item in channel: channel.send(item)"
LENGTH = "for item in channel: channel.send(len(item))"
SPEC = "popen//python=" + sys.executable

group = execnet.Group()
gateway = group.makegateway(SPEC)
echo = gateway.remote_exec(ECHO)
length = gateway.remote_exec(LENGTH)


def first_result(_):
    start = time.perf_counter()
    own = execnet.Group()
    channel = own.makegateway(SPEC).remote_exec("import os; channel.send(os.getcwd())")
    channel.receive()
    seconds = time.perf_counter() - start
    own.terminate(timeout=2)
    return seconds


def call(count):
    taken = []
    for _ in range(count):
        start = time.perf_counter()
        echo.send(None)
        echo.receive()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def in_flight(count):
    start = time.perf_counter()
    for _ in range(count):
        echo.send(None)
    for _ in range(count):
        echo.receive()
    return time.perf_counter() - start


def bulk(size):
    data = bytes(size)
    start = time.perf_counter()
    length.send(data)
    length.receive()
    return time.perf_counter() - start


COMMANDS = {"first-result": first_result, "call": call, "in-flight": in_flight, "bulk": bulk}

for line in iter(sys.stdin.readline, ""):
    command, number = line.split()
    print(COMMANDS[command](int(number)), flush=True)
group.terminate(timeout=2)
