#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A bad link in user space, for kernels without netem: a TUN device that loses, delays, reorders.

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
import struct
import subprocess
import sys
import time

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
ADDRESS, PEER = "10.99.0.1", "10.99.0.2"


def open_device():
    """A descriptor, and the device's address and route set."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH", b"bad0", IFF_TUN | IFF_NO_PI))
    for words in (f"address add {ADDRESS}/24 dev bad0", "link set bad0 up"):
        subprocess.run(["ip", *words.split()], check=True)
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
            if packet and dice.random() * 100 >= options.loss:
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
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
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
