#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""hello_nginx: nginx with a static reply, as one process that is not installed.

This process becomes nginx, so that its pid is the server's. (nginx 1.22 takes over a socket that
is open already only in another mode of running.) A second process says where it listens as soon
as it does, waits for its end, and removes its folder.
"""

import argparse
import os
import select
import shutil
import signal
import socket
import sys
import tempfile

CONFIG = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr error;
worker_rlimit_nofile {files};
events {{
    worker_connections {files};
}}
http {{
    access_log off;
    keepalive_requests 1000000000;
    keepalive_timeout 60s;
    client_header_timeout 10s;
    default_type text/plain;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen {listen} backlog=4096;
        location / {{
            return 200 "Hello, world!\\n";
        }}
    }}
}}
"""
FILES_MAX = 16384


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def is_listening(options):
    try:
        if options.unix:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(options.unix)
        else:
            socket.create_connection(("127.0.0.1", options.port)).close()
        return True
    except OSError:
        return False


def watch(options, folder, end):
    """Until the end of the pipe, which nginx holds open."""
    os.setpgid(0, 0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    while not is_listening(options) and not select.select([end], [], [], 0.01)[0]:
        continue
    if not select.select([end], [], [], 0)[0]:
        print("listening on", options.unix or f"127.0.0.1:{options.port}", flush=True)
    for number in range(3):
        os.close(number)
    os.read(end, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--unix")
    options = parser.parse_args()
    nginx = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not nginx:
        sys.exit("nginx is not installed")
    options.port = options.port or free_port()
    if options.unix and os.path.exists(options.unix):
        os.remove(options.unix)
    folder = tempfile.mkdtemp(prefix="coil-nginx-")
    files = min(FILES_MAX, os.sysconf("SC_OPEN_MAX"))
    listen = f"unix:{options.unix}" if options.unix else f"127.0.0.1:{options.port}"
    with open(f"{folder}/nginx.conf", "w", encoding="utf-8") as config:
        config.write(CONFIG.format(folder=folder, listen=listen, files=files))
    end, held = os.pipe()
    if os.fork() == 0:
        os.close(held)
        watch(options, folder, end)
    os.set_inheritable(held, True)
    os.execv(nginx, [nginx, "-e", "stderr", "-p", folder, "-c", f"{folder}/nginx.conf"])


if __name__ == "__main__":
    main()
