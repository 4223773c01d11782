#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""TCP clients that break the rules, packet by packet, against coil-echo over a TUN device.

They reset at every step of a connection, open no window, flood with SYNs that nobody completes, and
vanish. The server has to echo the right bytes to whoever reads, in bounded memory, keep no
descriptor of who is gone, serve others meanwhile, and end with 0 when it is told to.
"""

import os
import random
import select
import signal
import socket
import struct
import subprocess
import sys
import time

import link

FIN, SYN, RST, PSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
SEGMENT = 1400
MEMORY_MAX = 24 << 20  # that an attack may cost: buffers of sockets are the kernel's
FLOOD = 10000  # more than a backlog holds
CLIENTS = 40
failed = []


def expect(holds, words):
    if not holds:
        failed.append(words)
        print(f"peers: {words}", flush=True)


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


BYTES = bytes((n * 167 + (n >> 8) * 59) & 0xFF for n in range(8 << 20))


class Wire:
    """The device, and the clients whose packets come out of it."""

    def __init__(self):
        self.fd, self.port, self.clients = link.open_device(), 0, {}

    def send(self, source, seq, ack, flags, window, payload=b""):
        host, port = source
        head = struct.pack("!HHIIBBHHH", port, self.port, seq, ack, 5 << 4, flags, window, 0, 0)
        ends = socket.inet_aton(host) + socket.inet_aton(link.ADDRESS)
        length = len(head) + len(payload)
        check = checksum(ends + struct.pack("!BBH", 0, socket.IPPROTO_TCP, length) + head + payload)
        head = head[:16] + struct.pack("!H", check) + head[18:]
        ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + length, 0, 0, 64, socket.IPPROTO_TCP, 0) + ends
        ip = ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:]
        os.write(self.fd, ip + head + payload)

    def pump(self, seconds):
        """Takes one packet, if there is one in time."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        packet = os.read(self.fd, 65536)
        if packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_TCP:
            tcp = packet[(packet[0] & 15) * 4:]
            to = socket.inet_ntoa(packet[16:20]), struct.unpack_from("!H", tcp, 2)[0]
            if to in self.clients:
                self.clients[to].take(tcp)
        return True

    def until(self, condition, seconds=5):
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            self.pump(0.05)
        return condition()

    def quiet(self, seconds):
        while self.pump(seconds):
            pass


class Client:
    """One end of a connection, with what it chooses to say of itself."""

    made = 0

    def __init__(self, wire, window=65535):
        Client.made += 1
        self.wire, self.window = wire, window
        self.source = f"10.99.0.{2 + Client.made % 250}", 1024 + Client.made
        self.first = self.seq = random.Random(Client.made).randrange(1 << 31)
        self.ack, self.acked, self.room, self.got = 0, self.first, 0, b""
        self.is_open = self.has_ended = self.is_reset = False
        wire.clients[self.source] = self

    def say(self, flags, payload=b""):
        self.wire.send(self.source, self.seq & 0xFFFFFFFF, self.ack & 0xFFFFFFFF, flags,
                       self.window, payload)

    def take(self, tcp):
        seq, ack, offset, flags, room = struct.unpack_from("!IIBBH", tcp, 4)
        payload = tcp[(offset >> 4) * 4:]
        if flags & RST:
            self.is_reset = True
            return
        if flags & SYN:
            self.ack, self.is_open = seq + 1, True
        self.acked, self.room = max(self.acked, ack), room
        ahead = (self.ack - seq) & 0xFFFFFFFF
        if self.window and not flags & SYN and ahead <= len(payload):
            self.got += payload[ahead:]
            self.ack += len(payload) - ahead
            if flags & FIN and not self.has_ended:
                self.ack, self.has_ended = self.ack + 1, True
        if (payload or flags & FIN) and not flags & SYN:
            self.say(ACK)

    def knock(self):
        self.say(SYN)
        expect(self.wire.until(lambda: self.is_open), f"{self.source}: no answer to a SYN")
        self.seq += 1

    def connect(self):
        self.knock()
        self.say(ACK)

    def send(self, data):
        """As much as the server has room for: how many bytes."""
        done = 0
        while done < len(data):
            piece = data[done:done + SEGMENT]
            if not self.wire.until(lambda: self.seq + len(piece) - self.acked <= self.room, 0.5):
                break
            self.say(ACK | PSH, piece)
            self.seq, done = self.seq + len(piece), done + len(piece)
        return done

    def reset(self):
        self.say(RST | ACK)
        del self.wire.clients[self.source]


class Server:
    def __init__(self, program, options):
        self.process = subprocess.Popen([program, "--host", link.ADDRESS, *options],
                                        stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().rsplit(":", 1)[1])
        self.memory = self.fds = 0

    def proc(self, name):
        return f"/proc/{self.process.pid}/{name}"

    def note(self):
        self.memory, self.fds = self.count_memory(), self.count_fds()

    def count_memory(self):
        with open(self.proc("statm"), encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def count_fds(self):
        return len(os.listdir(self.proc("fd")))

    def serves(self):
        """A client that keeps the rules."""
        with socket.create_connection((link.ADDRESS, self.port), 10) as client:
            client.sendall(BYTES[5:5005])
            client.shutdown(socket.SHUT_WR)
            got = b""
            while piece := client.recv(65536):
                got += piece
        return got == BYTES[5:5005]

    def expect_well(self, words, fds=0):
        """Within a moment: @fds more than at the beginning, no more memory than that of buffers."""
        expect(self.serves(), f"{words}: others are not served")
        end = time.monotonic() + 5
        while self.count_fds() != self.fds + fds and time.monotonic() < end:
            time.sleep(0.01)
        expect(self.count_fds() == self.fds + fds,
               f"{words}: {self.count_fds() - self.fds} descriptors more, not {fds}")
        more = self.count_memory() - self.memory
        expect(more < MEMORY_MAX, f"{words}: {more} bytes more")

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = "not at all"
        expect(status == 0, f"the server ended with {status}")


def resets(wire):
    """Each a function that goes so far; then comes the reset."""
    def after_fin(client):
        client.connect()
        client.say(FIN | ACK)
        client.seq += 1

    def after_echo(client):
        client.connect()
        client.send(BYTES[:3000])
        wire.until(lambda: len(client.got) == 3000)
        expect(client.got == BYTES[:3000], "wrong bytes before a reset")

    def with_sent(client, count, window):
        client.window = window
        client.connect()
        client.send(BYTES[:count])

    return {
        "after a SYN": lambda client: client.say(SYN),
        "after the answer to it": lambda client: client.knock(),
        "after the handshake": lambda client: client.connect(),
        "after one byte": lambda client: with_sent(client, 1, 65535),
        "before the echo is read": lambda client: with_sent(client, 20000, 65535),
        "with a window of none": lambda client: with_sent(client, 20000, 0),
        "after the echo": after_echo,
        "after the end": after_fin,
    }


def reset_everywhere(wire, server):
    for name, go in resets(wire).items():
        for _ in range(CLIENTS // 4):
            client = Client(wire)
            go(client)
            client.reset()
        wire.quiet(0.02)
        server.expect_well(f"resets {name}")


def open_no_window(wire, server):
    """Everybody sends, and reads nothing; then half of them read all, the others are gone."""
    clients = [Client(wire, window=0) for _ in range(CLIENTS)]
    for number, client in enumerate(clients):
        client.connect()
        client.sent = client.send(BYTES if number in (0, 1) else BYTES[:40000])
    expect(max(client.sent for client in clients) < len(BYTES), "it takes what nobody reads")
    server.expect_well("no window", CLIENTS)
    for client in clients[::2]:
        client.reset()
    for client in clients[1::2]:
        client.window = 65535
        client.say(ACK)
        expect(wire.until(lambda c=client: len(c.got) == c.sent, 20),
               f"{client.source}: {len(client.got)} of {client.sent} bytes came back")
        expect(client.got == BYTES[:client.sent], f"{client.source}: wrong bytes")
        client.say(FIN | ACK)
        client.seq += 1
        expect(wire.until(lambda c=client: c.has_ended), f"{client.source}: it has no end")
    server.expect_well("a window at last")


def flood(wire, server):
    """Nobody completes them: there is no connection, and others are served."""
    for n in range(FLOOD):
        wire.send((f"10.99.0.{2 + n % 250}", 20000 + n), n * 7919, 0, SYN, 65535)
        if n % 500 == 0:
            expect(server.serves(), "others are not served in a flood")
            wire.quiet(0)
    wire.quiet(0.01)
    server.expect_well("a flood")


def vanish(wire, server):
    """They are there, with half a message; then nothing comes from them any more."""
    for _ in range(CLIENTS):
        client = Client(wire)
        client.connect()
        client.send(BYTES[:100])
        del wire.clients[client.source]
    server.expect_well("peers that vanished", CLIENTS)


def main():
    try:
        wire = Wire()
    except OSError as error:
        print(f"peers.py: no TUN device: {error}", file=sys.stderr)
        sys.exit(77)
    server = Server(sys.argv[1], sys.argv[2:])
    wire.port = server.port
    for _ in range(3):
        server.serves()
    server.note()
    for attack in (reset_everywhere, open_no_window, flood, vanish):
        attack(wire, server)
    server.end()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
