// SPDX-License-Identifier: MIT

//! echo_tokio: a task for each connection on tokio's current-thread runtime, which is its faster
//! one on a single core.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::signal::unix::{signal, SignalKind};

const READ_BYTES: usize = 65536;

static REQUESTS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);
static CONNECTIONS: AtomicU64 = AtomicU64::new(0);

async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let mut buffer = vec![0u8; READ_BYTES];
    CONNECTIONS.fetch_add(1, Relaxed);
    loop {
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => {
                REQUESTS.fetch_add(1, Relaxed);
                BYTES.fetch_add(n as u64, Relaxed);
                if stream.write_all(&buffer[..n]).await.is_err() {
                    return;
                }
            }
            _ => return,
        }
    }
}

async fn serve_tcp(port: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).ok();
            tokio::spawn(echo(stream));
        }
    }
}

async fn serve_unix(path: &str) -> std::io::Result<()> {
    std::fs::remove_file(path).ok();
    let listener = UnixListener::bind(path)?;
    println!("listening on {}", path);
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(echo(stream));
        }
    }
}

fn print_stats() {
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    unsafe { libc::getrusage(libc::RUSAGE_SELF, &mut usage) };
    let cpu_us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1_000_000
        + usage.ru_utime.tv_usec
        + usage.ru_stime.tv_usec;
    println!(
        "stats requests {} bytes {} connections {} syscalls 0 cpu_us {}",
        REQUESTS.load(Relaxed),
        BYTES.load(Relaxed),
        CONNECTIONS.load(Relaxed),
        cpu_us
    );
}

async fn until_signal() {
    let mut interrupt = signal(SignalKind::interrupt()).expect("SIGINT");
    let mut terminate = signal(SignalKind::terminate()).expect("SIGTERM");
    tokio::spawn(async move {
        interrupt.recv().await;
        print_stats();
        std::process::exit(0);
    });
    terminate.recv().await;
    print_stats();
    std::process::exit(0);
}

fn main() {
    let mut port = 0;
    let mut path = None;
    let mut args = std::env::args().skip(1);
    while let (Some(key), Some(value)) = (args.next(), args.next()) {
        match key.as_str() {
            "--port" => port = value.parse().expect("a port"),
            "--unix" => path = Some(value),
            _ => {
                eprintln!("usage: echo_tokio [--port PORT | --unix PATH]");
                std::process::exit(2);
            }
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("a runtime");
    let served = runtime.block_on(async {
        tokio::spawn(until_signal());
        match path {
            Some(path) => serve_unix(&path).await,
            None => serve_tcp(port).await,
        }
    });
    if let Err(trouble) = served {
        eprintln!("echo_tokio: {}", trouble);
        std::process::exit(1);
    }
}
