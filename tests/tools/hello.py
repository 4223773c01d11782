#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""coil-hello as its clients see it, good ones and bad ones: bytes on sockets, cut anywhere."""

import json
import os
import pathlib
import random
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from verdicts import Verdicts  # noqa: E402

BODY = b"Hello, world!\n"
DATE = re.compile(rb"Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n")
REASONS = {100: b"Continue", 200: b"OK", 400: b"Bad Request", 404: b"Not Found",
           405: b"Method Not Allowed", 408: b"Request Timeout", 413: b"Content Too Large",
           414: b"URI Too Long", 417: b"Expectation Failed",
           431: b"Request Header Fields Too Large", 501: b"Not Implemented",
           505: b"HTTP Version Not Supported"}


class Hello:
    """A running coil-hello."""

    def __init__(self, tools, *options):
        self.process = subprocess.Popen([tools / "coil-hello", *map(str, options)],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.where = self.process.stdout.readline().strip().removeprefix("listening on ")

    def connect(self):
        if self.where.startswith("/"):
            client = socket.socket(socket.AF_UNIX)
            client.connect(self.where)
        else:
            host, _, port = self.where.rpartition(":")
            client = socket.create_connection((host, int(port)))
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(30)
        return client

    def end(self):
        """Its exit code, last line and errors, once it is told to end."""
        try:
            out, err = self.process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
        return self.process.returncode, out.strip().rpartition("\n")[2], err

    def stop(self, verdicts, number=signal.SIGTERM):
        self.process.send_signal(number)
        code, line, err = self.end()
        verdicts.hold(code == 0 and not err, f"it exits {code} after {number.name}: {err}")
        verdicts.hold(line.split()[1::2][:4] == ["requests", "bytes", "connections", "enters"],
                      f"its last line is: {line}")
        return line


def read_all(client):
    """Up to the end; None where that is a reset."""
    got = bytearray()
    try:
        while piece := client.recv(1 << 20):
            got += piece
    except ConnectionResetError:
        return None
    return bytes(got)


def parse(data, heads=()):
    """The answers in data, strictly read: (status, connection, body). Those of which the
    place is in heads answer HEAD."""
    answers = []
    while data:
        head, mark, data = data.partition(b"\r\n\r\n")
        lines = (head + b"\r\n").splitlines(keepends=True)
        version, status, reason = lines[0].rstrip(b"\r\n").split(b" ", 2)
        status = int(status)
        fields = dict(line.rstrip(b"\r\n").split(b": ", 1) for line in lines[1:])
        if not mark or version != b"HTTP/1.1" or reason != REASONS[status]:
            raise ValueError(head)
        if status == 100:
            if fields:
                raise ValueError(head)
            answers.append((100, None, b""))
            continue
        if not any(DATE.fullmatch(line) for line in lines) or \
                (status == 405) != (fields.get(b"Allow") == b"GET, HEAD"):
            raise ValueError(head)
        count = 0 if len(answers) in heads else int(fields[b"Content-Length"])
        if len(data) < count:
            raise ValueError(f"{len(data)} bytes of a body of {count}")
        answers.append((status, fields.get(b"Connection"), data[:count]))
        data = data[count:]
    return answers


def ask(hello, data, heads=()):
    """The answers to all of data, sent at once, up to the end."""
    with hello.connect() as client:
        client.sendall(data)
        client.shutdown(socket.SHUT_WR)
        got = read_all(client)
        return None if got is None else parse(got, heads)


def get(*lines, target=b"/", method=b"GET", version=b"HTTP/1.1", host=True):
    lines = ([b"Host: here"] if host else []) + list(lines)
    return b"\r\n".join([b" ".join([method, target, version]), *lines, b"", b""])


CLOSE = b"Connection: close"
KEEP = b"Connection: keep-alive"
LONG = b"Content-Length: "
CHUNKED = b"Transfer-Encoding: chunked"
TABLE = [
    (get(), [(200, None)]),
    (get(CLOSE), [(200, b"close")]),
    (get(b"connection:  CLOSE "), [(200, b"close")]),
    (get(CLOSE) + get(), [(200, b"close")]),
    (b"\r\n\r\n" + get() + b"\r\n" + get(), [(200, None)] * 2),
    (get(version=b"HTTP/1.0"), [(200, b"close")]),
    (get(KEEP, version=b"HTTP/1.0") + get(version=b"HTTP/1.0", host=False),
     [(200, b"keep-alive"), (200, b"close")]),
    (get(target=b"/?a=/b"), [(200, None)]),
    (get(target=b"http://here:80/"), [(200, None)]),
    (get(target=b"http://here"), [(200, None)]),
    (get(target=b"http://here/x"), [(404, None)]),
    (get(target=b"/x") + get(), [(404, None), (200, None)]),
    (get(target=b"//"), [(404, None)]),
    (get(method=b"DELETE") + get(), [(405, None), (200, None)]),
    (get(method=b"OPTIONS", target=b"*"), [(405, None)]),
    (get(method=b"CONNECT", target=b"here:1") + b"junk", [(405, b"close")]),
    (get(b"Connection: upgrade", b"Upgrade: h2c") + get(), [(200, None)] * 2),
    (get(LONG + b"3") + b"abc" + get(), [(200, None)] * 2),
    (get(LONG + b"0") + get(), [(200, None)] * 2),
    (get(CHUNKED) + b"3\r\nabc\r\nA;b=c\r\n0123456789\r\n0\r\nT: u\r\nHost: x\r\n\r\n" + get(),
     [(200, None)] * 2),
    (get(CHUNKED, method=b"POST") + b"1\r\nx\r\n0\r\n\r\n" + get(), [(405, None), (200, None)]),
    (get(host=False), [(400, b"close")]),
    (get(b"Host: there"), [(400, b"close")]),
    (get(b"Bad Name: x"), [(400, b"close")]),
    (get(b"X: a\0b"), [(400, b"close")]),
    (get(b"X: a", b" folded"), [(400, b"close")]),
    (get(LONG + b"1", LONG + b"2") + b"ab", [(400, b"close")]),
    (get(LONG + b"x"), [(400, b"close")]),
    (get(LONG + b"-1"), [(400, b"close")]),
    (get(LONG + b"99999999999999999999999"), [(400, b"close")]),
    (get(LONG + b"3", CHUNKED) + b"0\r\n\r\n", [(400, b"close")]),
    (get(b"Transfer-Encoding: gzip"), [(400, b"close")]),
    (get(CHUNKED, version=b"HTTP/1.0") + b"0\r\n\r\n", [(400, b"close")]),
    (get(CHUNKED) + b"x\r\n", [(400, b"close")]),
    (get(CHUNKED) + b"1\r\nab\r\n", [(400, b"close")]),
    (b"GET / HTTP/1.1\nHost: a\n\n", [(400, b"close")]),
    (b"GET / HTTP/x.y\r\n\r\n", [(400, b"close")]),
    (b"get / HTTP/1.1\r\nHost: a\r\n\r\n", [(400, b"close")]),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", [(400, b"close")]),
    (get() + b"\0", [(200, None), (400, b"close")]),
    (get(version=b"HTTP/1.2"), [(505, b"close")]),
    (get(version=b"HTTP/2.0"), [(505, b"close")]),
    (get(version=b"HTTP/9.9"), [(505, b"close")]),
    (b"GET /\r\n\r\n", [(505, b"close")]),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [(505, b"close")]),
    (get(method=b"BREW"), [(501, b"close")]),
    (get(b"Expect: 100-continue", LONG + b"2") + b"ab" + get(), [(200, None)] * 2),
    (get(b"Expect: 100-continue"), [(200, None)]),
    (get(b"expect: 100-Continue", LONG + b"2"), [(100, None)]),
    (get(b"Expect: 100-continue", LONG + b"2", version=b"HTTP/1.0") + b"ab", [(200, b"close")]),
    (get(b"Expect: 100-continue", LONG + b"2", target=b"/x"), [(404, b"close")]),
    (get(b"Expect: 100-continues", LONG + b"2"), [(417, b"close")]),
    (get(b"Expect: a-very-long-expectation"), [(417, b"close")]),
]


def check_answers(verdicts, tools, folder):
    for options in ([], ["--unix", folder / "hello"]):
        hello = Hello(tools, *options)
        for data, expected in TABLE:
            answers = ask(hello, data)
            verdicts.hold(answers is not None and [answer[:2] for answer in answers] == expected,
                          f"{data} is answered by {answers}")
            verdicts.hold(all(body == (BODY if status == 200 else b"" if status == 100 else
                                       b"%d %s\n" % (status, REASONS[status]))
                              for status, _, body in answers or []), f"the bodies of {data}")
        head = get(method=b"HEAD")
        verdicts.hold(ask(hello, head + get() + get(method=b"HEAD", target=b"/x") +
                          get(b"Host: 2", method=b"HEAD"), {0, 2, 3}) ==
                      [(200, None, b""), (200, None, BODY), (404, None, b""),
                       (400, b"close", b"")], "HEAD has no body, whatever the status")
        hello.stop(verdicts, signal.SIGINT)


PIPELINE = (get() + get(method=b"HEAD") + b"\r\n" +
            get(CHUNKED, method=b"POST") + b"5;x=y\r\nhello\r\n0\r\nExpect: x\r\n\r\n" +
            get(LONG + b"4", b"Expect: 100-continue") + b"\r\n\r\n" +
            get(KEEP, target=b"/x", version=b"HTTP/1.0") + get(CLOSE))


def check_cuts(verdicts, tools, folder):
    """The same answers wherever the bytes are cut, but for a Continue."""
    hello = Hello(tools, "--unix", folder / "cuts")
    expected = ask(hello, PIPELINE, {1})
    verdicts.hold([answer[:2] for answer in expected] == [
        (200, None), (200, None), (405, None), (200, None), (404, b"keep-alive"),
        (200, b"close")], f"a pipeline: {expected}")
    for cuts in [*((at,) for at in range(1, len(PIPELINE))), range(1, len(PIPELINE))]:
        with hello.connect() as client:
            edges = [0, *cuts, len(PIPELINE)]
            for begin, end in zip(edges, edges[1:]):
                client.sendall(PIPELINE[begin:end])
                time.sleep(0.001)
            answers = parse(read_all(client) or b"", {1})
        verdicts.hold([answer for answer in answers if answer[0] != 100] == expected,
                      f"cut at {list(cuts)[:5]}: {answers}")
    # What one read brought is answered by one write.
    with hello.connect() as client:
        client.sendall(get() * 16)
        verdicts.hold(len(parse(client.recv(1 << 20))) == 16, "16 requests, one write")
        client.sendall(get(b"Expect: 100-continue", LONG + b"2"))
        verdicts.hold(parse(client.recv(1 << 20)) == [(100, None, b"")], "a Continue comes")
        client.sendall(b"ab")
        verdicts.hold(parse(client.recv(1 << 20)) == [(200, None, BODY)], "and then the answer")
    hello.stop(verdicts)


def check_limits(verdicts, tools):
    hello = Hello(tools, "--max-head", 256, "--max-body", 1000)
    # A target of 1 byte, Host: here, and a field X.
    room = 256 - 1 - (4 + 4 + 4) - (1 + 4)
    pad = b"x" * room
    for data, status in (
            (get(b"X: " + pad), 200), (get(b"X: x" + pad), 431),
            (get(b"X: " + pad) * 3, 200), (get(b"X" + pad + b": "), 200),
            (get(b"XY" + pad + b": "), 431), (get(target=b"/" + b"y" * 300), 414),
            (get(*[b"A: b"] * 40), 200), (get(*[b"A: b"] * 41), 431),
            (get(b"X:" + b" " * 20000 + b"x"), 431), (b"\r\n" * 10000, 431),
            (get(CHUNKED) + b"1\r\nx\r\n0\r\nT: " + b"t" * 300 + b"\r\n\r\n", 431),
            (get(CHUNKED) + b"1;" + b"e" * 300 + b"\r\nx\r\n0\r\n\r\n", 413),
            (get(LONG + b"1000") + b"z" * 1000, 200), (get(LONG + b"1001") + b"z" * 1001, 413),
            (get(CHUNKED) + b"3e8\r\n" + b"z" * 1000 + b"\r\n0\r\n\r\n", 200),
            (get(CHUNKED) + b"3e8\r\n" + b"z" * 1000 + b"\r\n1\r\nz\r\n0\r\n\r\n", 413),
            (get(LONG + b"2000", b"Expect: 100-continue"), 413)):
        answers = ask(hello, data)
        verdicts.hold(answers and {answer[0] for answer in answers} == {status},
                      f"{status} for {data[:60]}: {answers}")
    # The answer is not lost to a client that sends on.
    for _ in range(5):
        with hello.connect() as client:
            client.sendall(get(LONG + b"4000000", method=b"POST"))
            try:
                client.sendall(b"z" * 4000000)
            except ConnectionError:
                pass
            got = read_all(client)
        verdicts.hold(got and parse(got)[0][:2] == (413, b"close"), f"413 arrives: {got}")
    hello.stop(verdicts)


def timed(client):
    begin = time.monotonic()
    got = read_all(client)
    return got, time.monotonic() - begin


def drip(client, piece):
    """Sends a piece again and again until the other end has answered or closed."""
    begin = time.monotonic()
    client.settimeout(0.05)
    while time.monotonic() - begin < 20:
        try:
            client.sendall(piece)
            got = client.recv(1 << 16)
            return got, time.monotonic() - begin
        except TimeoutError:
            continue
        except ConnectionError:
            return b"", time.monotonic() - begin
    return None, 20


def check_deadlines(verdicts, tools):
    hello = Hello(tools, "--idle-timeout", "1s", "--head-timeout", "500ms", "--body-timeout",
                  "800ms", "--body", "16M")
    with hello.connect() as client:
        got, took = timed(client)
        verdicts.hold(got == b"" and 0.4 < took < 5, f"who says nothing is left: {got} {took}")
    with hello.connect() as client:
        client.sendall(get(method=b"HEAD"))
        client.recv(1 << 16)
        got, took = timed(client)
        verdicts.hold(got == b"" and 0.9 < took < 6, f"an idle client is left: {got} {took}")
    for begin, piece, least in ((b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"x", 0.4),
                                (b"G", b"", 0.4),
                                (get(LONG + b"9999", method=b"POST"), b"x", 0.7),
                                (get(CHUNKED, method=b"POST"), b"1\r\nx\r\n", 0.7)):
        with hello.connect() as client:
            client.sendall(begin)
            got, took = drip(client, piece)
            verdicts.hold(got and parse(got)[0][:2] == (408, b"close") and least < took < 6,
                          f"a drip after {begin}: {got} {took}")
    with hello.connect() as client:
        client.sendall(get(method=b"HEAD"))
        client.recv(1 << 16)
        got, took = drip(client, b"\r\n")
        verdicts.hold(got == b"" and 0.9 < took < 6, f"blank lines are idle: {got} {took}")
    with hello.connect() as client:
        client.sendall(get())
        time.sleep(2.5)
        got = read_all(client)
        verdicts.hold(got is None or len(got) < 16 << 20, "who does not read is left")
    with hello.connect() as client:
        client.sendall(get(CLOSE))
        verdicts.hold(len(parse(read_all(client))[0][2]) == 16 << 20, "who reads gets all")
    hello.stop(verdicts)


def check_bodies(verdicts, tools, folder):
    for size, count in ((0, 50), (1, 50), (1024, 100), (1025, 100), (100000, 150)):
        hello = Hello(tools, "--unix", folder / "bodies", "--body", size)
        answers = ask(hello, get() * count + get(method=b"HEAD"), {count})
        body = (BODY * (size // len(BODY) + 1))[:size]
        verdicts.hold([answer[2] for answer in answers] == [body] * count + [b""],
                      f"{count} bodies of {size} bytes")
        line = hello.stop(verdicts).split()
        verdicts.hold(line[2:7:2] == [str(count + 1), str(count * size), "1"], f"figures: {line}")


def check_stop(verdicts, tools, number):
    """Idle connections are closed; requests under way are answered, with a close."""
    hello = Hello(tools, "--body", "16M", "--drain-timeout", "20s")
    idle, head, body, slow = (hello.connect() for _ in range(4))
    for client in (idle, head):
        client.sendall(get(method=b"HEAD"))
        parse(client.recv(1 << 16), {0})
    head.sendall(b"HEAD / HTTP/1.1\r\nHo")
    body.sendall(get(LONG + b"10", method=b"POST") + b"12345")
    slow.sendall(get() + get(target=b"/x"))
    time.sleep(0.3)
    hello.process.send_signal(number)
    verdicts.hold(read_all(idle) == b"", "an idle connection ends in order")
    time.sleep(0.3)
    try:
        hello.connect().close()
        verdicts.hold(False, "it accepts no more")
    except ConnectionError:
        verdicts.hold(True, "it accepts no more")
    head.sendall(b"st: a\r\n\r\n" + get())
    verdicts.hold([answer[:2] for answer in parse(read_all(head) or b"", {0})] ==
                  [(200, b"close")], "half a head is waited for")
    body.sendall(b"67890" + get())
    verdicts.hold([answer[:2] for answer in parse(read_all(body) or b"")] == [(405, b"close")],
                  "half a body is waited for")
    answers = parse(read_all(slow) or b"")
    verdicts.hold([answer[0] for answer in answers] == [200, 404] and
                  len(answers[0][2]) == 16 << 20, "what is being written is written")
    code, line, err = hello.end()
    verdicts.hold(code == 0 and not err and line.startswith("stats requests 6 "),
                  f"it ends with {code} and {line}: {err}")
    for client in (idle, head, body, slow):
        client.close()


def check_last_moment(verdicts, tools):
    """What came before the signal is answered, although it is read behind it."""
    for number in range(5):
        hello = Hello(tools)
        clients = [hello.connect() for _ in range(3)]
        for client in clients:
            client.sendall(get())
            client.recv(1 << 16)
        hello.process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)
        clients.append(hello.connect())
        for client in clients[1:]:
            client.sendall(get())
        hello.process.send_signal(signal.SIGTERM)
        hello.process.send_signal(signal.SIGCONT)
        verdicts.hold(read_all(clients[0]) == b"", "an idle connection ends in order")
        for client in clients[1:]:
            answers = parse(read_all(client) or b"")
            verdicts.hold([answer[0] for answer in answers] == [200],
                          f"a request before the signal, {number}: {answers}")
            client.close()
        clients[0].close()
        code, _, err = hello.end()
        verdicts.hold(code == 0 and not err, f"then it ends with {code}: {err}")


def check_stop_under_load(verdicts, tools, *options):
    hello = Hello(tools, *options)
    load = subprocess.Popen([tools / "coil-load", f"http://{hello.where}/", "-c", "20",
                             "--pipeline", "4", "-t", "20", "--warmup", "0", "--json"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.7)
    begin = time.monotonic()
    line = hello.stop(verdicts).split()
    verdicts.hold(time.monotonic() - begin < 8, "under load it ends soon")
    figures = json.loads(load.communicate(timeout=60)[0])
    served = int(line[2])
    # Pipelines that were cut are the load's errors; nothing was malformed, nothing refused.
    verdicts.hold(figures["statuses"].keys() == {"200"} and
                  0 < figures["requests"] <= served <= figures["requests"] + 20 * 4 and
                  figures["errors_by_kind"].get("malformed", 0) == 0,
                  f"under load {served} were served: {figures}")


def check_drain_deadline(verdicts, tools):
    hello = Hello(tools, "--drain-timeout", "500ms", "--body", "16M")
    stuck, deaf = hello.connect(), hello.connect()
    stuck.sendall(b"GET / HTTP/1.1\r\n")
    deaf.sendall(get())
    time.sleep(0.2)
    begin = time.monotonic()
    hello.stop(verdicts)
    took = time.monotonic() - begin
    verdicts.hold(0.4 < took < 8, f"it waits for nobody longer than told: {took}")
    got = read_all(stuck)
    verdicts.hold(got and parse(got)[0][:2] == (408, b"close"), f"and says so: {got}")
    stuck.close()
    deaf.close()


def check_connection_limit(verdicts, tools):
    hello = Hello(tools, "--connections", 2)
    clients = [hello.connect() for _ in range(4)]
    for client in clients:
        client.sendall(get())
    verdicts.hold(all(parse(client.recv(1 << 16)) for client in clients[:2]), "two are served")
    clients[3].settimeout(0.3)
    try:
        verdicts.hold(clients[3].recv(1) is None, "the others wait")
    except TimeoutError:
        verdicts.hold(True, "the others wait")
    clients[3].settimeout(30)
    clients[0].close()
    verdicts.hold(parse(clients[2].recv(1 << 16)), "until one has gone")
    clients[1].close()
    verdicts.hold(parse(clients[3].recv(1 << 16)), "and the next")
    hello.stop(verdicts)
    for client in clients:
        client.close()


def random_bytes(choice):
    """A pipeline with a few bytes changed, left out, doubled, or nothing but noise."""
    if choice.random() < 0.1:
        return choice.randbytes(choice.randrange(1, 2000))
    data = bytearray(b"".join(choice.choice(TABLE)[0] for _ in range(choice.randrange(1, 5))))
    for _ in range(choice.randrange(0, 6)):
        at = choice.randrange(len(data))
        kind = choice.randrange(4)
        if kind == 0:
            data[at] = choice.randrange(256)
        elif kind == 1:
            del data[at:at + choice.randrange(1, 20)]
        elif kind == 2:
            data[at:at] = data[at:at + choice.randrange(1, 40)]
        else:
            data[at:at] = choice.choice([b"\r\n", b"\0", b":", b" ", b"0", b"\r", b"\xff"])
        data = data or bytearray(b"G")
    return bytes(data)


def check_noise(verdicts, tools, folder):
    """Whatever comes, answers are whole, and the next client is served."""
    choice = random.Random(20261122)
    hello = Hello(tools, "--unix", folder / "noise")
    for number in range(400):
        data = random_bytes(choice)
        with hello.connect() as client:
            try:
                at = choice.randrange(len(data) + 1)
                client.sendall(data[:at])
                if choice.random() < 0.3:
                    time.sleep(0.001)
                client.sendall(data[at:])
                if choice.random() < 0.2:
                    continue
                client.shutdown(socket.SHUT_WR)
            except ConnectionError:
                pass
            got = read_all(client)
        try:
            answers = parse(got or b"")
        except (KeyError, ValueError) as error:
            # An answer to HEAD has no body, and here nobody knows whether it was one.
            answers = b"HEAD" in data and []
            verdicts.hold(answers == [], f"noise {number}, {data}: {error}")
        closes = [number for number, answer in enumerate(answers) if answer[1] == b"close"]
        verdicts.hold(closes in ([], [len(answers) - 1]), f"noise {number}: {answers}")
    verdicts.hold(ask(hello, get()) == [(200, None, BODY)], "after the noise it serves")
    hello.stop(verdicts)


def check_thousand(verdicts, tools):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    count = min(1000, hard - 100)
    hello = Hello(tools)
    clients = [hello.connect() for _ in range(count)]
    for _ in range(3):
        for client in clients:
            client.sendall(get() * 2)
        for client in clients:
            got = b""
            while got.count(BODY) < 2 and (piece := client.recv(1 << 16)):
                got += piece
            verdicts.hold(len(parse(got)) == 2, "each of a thousand is answered")
    for client in clients[::2]:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.sendall(get())
        client.close()
    begin = time.monotonic()
    line = hello.stop(verdicts).split()
    verdicts.hold(time.monotonic() - begin < 8, "idle connections hold nobody up")
    verdicts.hold(line[6] == str(count), f"it has seen all: {line}")
    verdicts.hold(all(read_all(client) is not None for client in clients[1::2]),
                  "and closes them in order")
    for client in clients:
        client.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def check_usage(verdicts, tools):
    for options, code in ((["--help"], 0), (["--version"], 0), (["--no-such"], 2), (["word"], 2),
                          (["--port", "65536"], 2), (["--body", "17M"], 2),
                          (["--connections", "0"], 2), (["--max-head", "63"], 2),
                          (["--idle-timeout", "0"], 2), (["--head-timeout", "2x"], 2),
                          (["--host", "203.0.113.1"], 1), (["--unix", "/no/such/folder/x"], 1)):
        done = subprocess.run([tools / "coil-hello", *options], capture_output=True, text=True,
                              timeout=60, check=False)
        words = f"{' '.join(options)}: {done.returncode} {done.stdout} {done.stderr}"
        verdicts.hold(done.returncode == code, words)
        verdicts.hold(done.stderr if code else done.stdout, f"something is said of {words}")


def main():
    tools = pathlib.Path(sys.argv[1]).resolve()
    verdicts = Verdicts()
    check_usage(verdicts, tools)
    with tempfile.TemporaryDirectory(prefix="coil-hello-") as name:
        folder = pathlib.Path(name)
        check_answers(verdicts, tools, folder)
        check_cuts(verdicts, tools, folder)
        check_bodies(verdicts, tools, folder)
        check_noise(verdicts, tools, folder)
    check_limits(verdicts, tools)
    check_deadlines(verdicts, tools)
    check_connection_limit(verdicts, tools)
    check_stop(verdicts, tools, signal.SIGTERM)
    check_stop(verdicts, tools, signal.SIGINT)
    check_last_moment(verdicts, tools)
    check_stop_under_load(verdicts, tools)
    check_stop_under_load(verdicts, tools, "--body", "64k")
    check_drain_deadline(verdicts, tools)
    check_thousand(verdicts, tools)
    print(f"{verdicts.passed} rules hold, {verdicts.failed} do not")
    return 1 if verdicts.failed else 0


if __name__ == "__main__":
    # A sanitizer's runtime may come with the build: nothing of ours is loaded into it.
    os.environ.pop("LD_PRELOAD", None)
    sys.exit(main())
