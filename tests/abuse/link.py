#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A bad link in user space, for kernels without netem: a TUN that loses, delays, reorders, doubles.

What is sent to PEER comes back to ADDRESS with both swapped, so that a connection to PEER reaches
a server on this machine; neither checksum changes by that.
"""

import argparse
import fcntl
import heapq
import os
import random
import select
import signal
import socket
import struct
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFMTU = (
    0x8913, 0x8914, 0x8916, 0x891C, 0x8922)
IFF_UP = 0x1
ADDRESS, PEER = "10.99.0.1", "10.99.0.2"


def set_up(name, mtu, address=None):
    """What ip(8) would do. With an address comes the route to its network of 256."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for request, value in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, "255.255.255.0")):
            if address:
                fcntl.ioctl(control, request,
                            struct.pack("16sHH4s8x", name, socket.AF_INET, 0,
                                        socket.inet_aton(value)))
        fcntl.ioctl(control, SIOCSIFMTU, struct.pack("16si12x", name, mtu))
        flags = struct.unpack_from("16sH", fcntl.ioctl(control, SIOCGIFFLAGS,
                                                       struct.pack("16s16x", name)))[1]
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sH14x", name, flags | IFF_UP))


def open_device():
    """A descriptor, and the device's address and route set."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", b"bad0", IFF_TUN | IFF_NO_PI))
    set_up(b"bad0", 1500, ADDRESS)
    return fd


def turned(packet):
    """The packet, sent back from where it was going; None for what is no IPv4."""
    if len(packet) < 20 or packet[0] >> 4 != 4:
        return None
    return packet[:12] + packet[16:20] + packet[12:16] + packet[20:]


def delay_of(options, dice):
    """Milliseconds for a packet; who is not delayed overtakes."""
    if dice.random() * 100 < options.reorder:
        return 0.0
    return max(0.0, options.delay + dice.uniform(-options.jitter, options.jitter))


def carry(fd, options):
    dice = random.Random(options.seed)
    under_way, count = [], 0
    while True:
        wait = max(0.0, under_way[0][0] - time.monotonic()) if under_way else None
        if select.select([fd], [], [], wait)[0]:
            packet = turned(os.read(fd, 65536))
            copies = 0 if dice.random() * 100 < options.loss else 1
            copies += copies and dice.random() * 100 < options.duplicate
            for _ in range(copies if packet else 0):
                count += 1
                due = time.monotonic() + delay_of(options, dice) / 1000
                heapq.heappush(under_way, (due, count, packet))
        while under_way and under_way[0][0] <= time.monotonic():
            os.write(fd, heapq.heappop(under_way)[2])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--delay", type=float, default=0, help="milliseconds, in each direction")
    parser.add_argument("--jitter", type=float, default=0, help="more or less of that")
    parser.add_argument("--loss", type=float, default=0, help="percent of all packets")
    parser.add_argument("--reorder", type=float, default=0, help="percent that are not delayed")
    parser.add_argument("--duplicate", type=float, default=0, help="percent that come twice")
    parser.add_argument("--loopback", action="store_true", help="only set up that device")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.loopback:
        set_up(b"lo", 1500)
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        fd = open_device()
    except OSError as error:
        print(f"link.py: no TUN device: {error}", file=sys.stderr)
        sys.exit(77)
    print("ready", flush=True)
    carry(fd, options)


if __name__ == "__main__":
    main()
