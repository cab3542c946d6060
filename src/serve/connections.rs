//! Connections: how many, how slow they may be, and their end.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, Sleep, sleep_until};
use tower_service::Service as _;

use super::config::Limits;
use super::guard::Peer;

/// Headers of a request at most.
const MOST_HEADERS: usize = 64;
/// Bytes of the head of a request at most.
const LONGEST_HEAD: usize = 64 << 10;
/// How long nothing is accepted after the machine had no file left for a connection.
const PAUSE: Duration = Duration::from_millis(50);
/// What a client is told that comes while all connections are taken.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Accepts connections for ever; each is served by `router` until `end` tells.
pub(crate) async fn accept(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    end: watch::Receiver<bool>,
    connections: Arc<Semaphore>,
) {
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            // The client is gone already, or this process may open no more files.
            Err(error) => {
                tracing::warn!("a connection can't be accepted: {error}");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else {
            tokio::spawn(refuse(stream));
            continue;
        };
        let (router, end) = (router.clone(), end.clone());
        tokio::spawn(async move {
            serve(stream, address, router, limits, end).await;
            drop(permit);
        });
    }
}

async fn refuse(mut stream: TcpStream) {
    let _ = tokio::time::timeout(Duration::from_secs(1), stream.write_all(FULL)).await;
}

/// Serves one connection to its end.
async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    router: Router,
    limits: Limits,
    mut end: watch::Receiver<bool>,
) {
    // Events are small, and wanted at once.
    let _ = stream.set_nodelay(true);
    let io = Unstalled { inner: TokioIo::new(stream), stall: limits.stall(), due: None };
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(address));
        router.clone().call(request.map(Body::new))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(limits.head_s.max(1)))
        .max_headers(MOST_HEADERS)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(io, service);
    let mut connection = std::pin::pin!(connection);
    let mut is_ending = false;
    loop {
        tokio::select! {
            served = &mut connection => {
                if let Err(error) = served {
                    tracing::debug!("{address}: {error}");
                }
                return;
            }
            changed = end.changed(), if !is_ending => {
                is_ending = changed.is_err() || *end.borrow();
                if is_ending {
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// A connection that ends when its client takes nothing for a while: what it does not read would be kept for ever.
struct Unstalled {
    inner: TokioIo<TcpStream>,
    stall: Duration,
    /// When the client has to have taken something.
    due: Option<Pin<Box<Sleep>>>,
}

impl Unstalled {
    /// `polled`, unless it has been pending for too long.
    fn within<T>(&mut self, context: &mut Context<'_>, polled: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if polled.is_ready() {
            self.due = None;
            return polled;
        }
        let due = self.due.get_or_insert_with(|| Box::pin(sleep_until(Instant::now() + self.stall)));
        match due.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl Read for Unstalled {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl Write for Unstalled {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.within(context, polled)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_flush(context);
        self.within(context, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.inner).poll_shutdown(context);
        self.within(context, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write_vectored(context, parts);
        self.within(context, polled)
    }
}
