//! A scripted HTTP/1.1 server: answers what a test tells it to, misbehaves on demand, records every request.
//!
//! Each connection has a thread of its own, so a handler may block (on a barrier, a channel) to hold its reply
//! until the test is ready, and several hundred requests can be in flight. A handler that panics fails the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// One request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// Position among all requests of this server, from 0.
    pub index: usize,
    /// Which of the server's connections it came on, from 0.
    pub connection: usize,
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// When it had been read.
    pub at: Instant,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| &**value)
    }

    /// The body, `Value::Null` if it is not JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it asks a route of conversation turns in another way than by POST. Real servers refuse that.
    fn has_wrong_method(&self) -> bool {
        self.method != "POST"
            && ["/chat/completions", "/messages"].iter().any(|route| self.path.ends_with(route))
            && !self.path.contains("/no-such/")
    }

    /// The contents of all messages of a chat request, joined by newlines.
    pub(crate) fn prompt(&self) -> String {
        let body = self.json();
        let messages = body["messages"].as_array().into_iter().flatten();
        messages.filter_map(|message| message["content"].as_str()).collect::<Vec<_>>().join("\n")
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    delay: Duration,
    body: Body,
}

#[derive(Clone, Debug)]
enum Body {
    /// With a Content-Length.
    Whole(Vec<u8>),
    /// Transfer-Encoding: chunked; `gap` between two; `cut` ends the connection before the end of the body. What is
    /// `held` waits for the lock.
    Chunks { chunks: Vec<Vec<u8>>, gap: Duration, cut: bool, held: Option<(usize, Arc<Mutex<()>>)> },
    /// These bytes and nothing else, then the end of the connection.
    Raw(Vec<u8>),
    /// Nothing, until the client goes away.
    Hang,
}

impl Reply {
    pub(crate) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".to_owned(), content_type.to_owned())];
        Self { status, headers, delay: Duration::ZERO, body: Body::Whole(body.into()) }
    }

    pub(crate) fn json(body: &Value) -> Self {
        Self::new(200, "application/json", body.to_string())
    }

    pub(crate) fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/plain", body)
    }

    /// An error status with a JSON body.
    pub(crate) fn error(status: u16, body: &Value) -> Self {
        Self { status, ..Self::json(body) }
    }

    /// A stream of these chunks, each one write.
    pub(crate) fn stream<C: Into<Vec<u8>>>(content_type: &str, chunks: impl IntoIterator<Item = C>) -> Self {
        let chunks = chunks.into_iter().map(Into::into).collect();
        let body = Body::Chunks { chunks, gap: Duration::ZERO, cut: false, held: None };
        Self { body, ..Self::new(200, content_type, "") }
    }

    /// Bytes that are no HTTP.
    pub(crate) fn garbage() -> Self {
        Self {
            body: Body::Raw(b"\x00\xff\x16\x03nothing that anybody speaks\r\n\r\n".into()),
            ..Self::text(0, "")
        }
    }

    /// Takes the request and never answers; ends when the client goes away.
    pub(crate) fn hang() -> Self {
        Self { body: Body::Hang, ..Self::text(0, "") }
    }

    /// Closes the connection without an answer.
    pub(crate) fn close() -> Self {
        Self { body: Body::Raw(Vec::new()), ..Self::text(0, "") }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with another status.
    pub(crate) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn keeps_connection(&self) -> bool {
        matches!(self.body, Body::Whole(_) | Body::Chunks { cut: false, .. })
    }

    /// Waits before the first byte.
    pub(crate) fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits between the chunks of a stream.
    pub(crate) fn gap(mut self, wait: Duration) -> Self {
        if let Body::Chunks { gap, .. } = &mut self.body {
            *gap = wait;
        }
        self
    }

    /// Holds the chunk number `at` of a stream back as long as `lock` is held.
    pub(crate) fn held(mut self, at: usize, lock: &Arc<Mutex<()>>) -> Self {
        if let Body::Chunks { held, .. } = &mut self.body {
            *held = Some((at, Arc::clone(lock)));
        }
        self
    }

    /// Keeps the first `chunks` of a stream and cuts the connection there.
    pub(crate) fn cut_after(mut self, keep: usize) -> Self {
        if let Body::Chunks { chunks, cut, .. } = &mut self.body {
            chunks.truncate(keep);
            *cut = true;
        }
        self
    }

    /// Keeps the first `chunks` of a stream and ends it there, as if it were whole.
    pub(crate) fn end_after(mut self, keep: usize) -> Self {
        if let Body::Chunks { chunks, .. } = &mut self.body {
            chunks.truncate(keep);
        }
        self
    }

    /// A whole body as a stream of one chunk.
    pub(crate) fn chunked(mut self) -> Self {
        if let Body::Whole(body) = &mut self.body {
            let chunks = vec![std::mem::take(body)];
            self.body = Body::Chunks { chunks, gap: Duration::ZERO, cut: false, held: None };
        }
        self
    }

    /// How many chunks a stream has.
    pub(crate) fn chunks(&self) -> usize {
        if let Body::Chunks { chunks, .. } = &self.body { chunks.len() } else { 0 }
    }

    /// Cuts the whole stream into chunks of `size` bytes, wherever that falls.
    pub(crate) fn rechunk(mut self, size: usize) -> Self {
        if let Body::Chunks { chunks, .. } = &mut self.body {
            *chunks = chunks.concat().chunks(size).map(<[u8]>::to_vec).collect();
        }
        self
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

struct Shared {
    handler: Box<Handler>,
    requests: Mutex<Vec<Request>>,
    in_flight: AtomicUsize,
    max_in_flight: AtomicUsize,
    hung_up: AtomicUsize,
    panicked: AtomicBool,
    stopping: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
}

impl Shared {
    /// What the handler returns; if it panics an error that no client tries again, so that the test goes on.
    fn answer(&self, request: &Request) -> Reply {
        catch_unwind(AssertUnwindSafe(|| (self.handler)(request))).unwrap_or_else(|_| {
            self.panicked.store(true, SeqCst);
            Reply::error(400, &json!({"error": {"message": "the handler of the test's server panicked"}}))
        })
    }
}

/// The server. Dropping it closes the port and every connection.
pub(crate) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Listens on a free port of loopback and answers each request with what `handler` returns.
    pub(crate) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").expect("loopback has a free port"), handler)
    }

    /// The same at a port that is bound already.
    pub(crate) fn on(
        listener: TcpListener,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared {
            handler: Box::new(handler),
            requests: Mutex::default(),
            in_flight: AtomicUsize::default(),
            max_in_flight: AtomicUsize::default(),
            hung_up: AtomicUsize::default(),
            panicked: AtomicBool::default(),
            stopping: AtomicBool::default(),
            connections: Mutex::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || accept(&listener, &accepting));
        Self { address, shared }
    }

    /// Answers with these replies in turn, and with the last one from then on.
    pub(crate) fn replies(replies: impl IntoIterator<Item = Reply>) -> Self {
        let replies: Vec<Reply> = replies.into_iter().collect();
        Self::start(move |request| replies[request.index.min(replies.len() - 1)].clone())
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// All requests so far, in order of arrival.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.requests.lock().unwrap().clone()
    }

    /// The most requests that were without their whole answer at one time.
    pub(crate) fn max_in_flight(&self) -> usize {
        self.shared.max_in_flight.load(SeqCst)
    }

    /// How many clients went away while they were kept hanging or being streamed to.
    pub(crate) fn hung_up(&self) -> usize {
        self.shared.hung_up.load(SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stopping.store(true, SeqCst);
        let _ = TcpStream::connect(self.address);
        for connection in self.shared.connections.lock().unwrap().drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
        let failed = self.shared.panicked.load(SeqCst) && !thread::panicking();
        assert!(!failed, "the handler of the test's server panicked, see above");
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, stream) in listener.incoming().enumerate() {
        if shared.stopping.load(SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let _ = stream.set_nodelay(true);
        if let Ok(copy) = stream.try_clone() {
            shared.connections.lock().unwrap().push(copy);
        }
        let shared = Arc::clone(shared);
        let serve = move || while serve_one(&stream, number, &shared).is_some() {};
        thread::Builder::new().stack_size(256 << 10).spawn(serve).expect("a thread for the connection");
    }
}

/// One request and its reply; `None` when the connection is to end.
fn serve_one(mut stream: &TcpStream, connection: usize, shared: &Shared) -> Option<()> {
    let request = read_request(stream, connection, shared)?;
    let now = shared.in_flight.fetch_add(1, SeqCst) + 1;
    shared.max_in_flight.fetch_max(now, SeqCst);
    let reply = if request.has_wrong_method() {
        Reply::error(405, &json!({"detail": "Method Not Allowed"}))
    } else {
        shared.answer(&request)
    };
    let rest = write_reply(stream, &reply, shared);
    // Before the last bytes: with them the client may already be at its next request.
    shared.in_flight.fetch_sub(1, SeqCst);
    let written = rest.and_then(|rest| stream.write_all(&rest).ok());
    if written.is_none() || !reply.keeps_connection() {
        let _ = stream.shutdown(Shutdown::Both);
        return None;
    }
    Some(())
}

fn read_request(stream: &TcpStream, connection: usize, shared: &Shared) -> Option<Request> {
    // Clients do not pipeline, so nothing of a next request is lost in this buffer.
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    let mut start = line.split_whitespace().map(ToOwned::to_owned);
    let (method, path) = (start.next()?, start.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, value)| value.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    let mut requests = shared.requests.lock().unwrap();
    let request =
        Request { index: requests.len(), connection, method, path, headers, body, at: Instant::now() };
    if !request.has_wrong_method() {
        requests.push(request.clone());
    }
    Some(request)
}

/// Writes the reply up to its last piece, which it returns; `None` if the client went away.
fn write_reply(mut stream: &TcpStream, reply: &Reply, shared: &Shared) -> Option<Vec<u8>> {
    thread::sleep(reply.delay);
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    match &reply.body {
        Body::Whole(body) => {
            head += &format!("content-length: {}\r\n\r\n", body.len());
            Some([head.as_bytes(), body].concat())
        }
        Body::Chunks { chunks, gap, cut, held } => {
            let mut piece = (head + "transfer-encoding: chunked\r\n\r\n").into_bytes();
            for (at, chunk) in chunks.iter().enumerate().filter(|(_, chunk)| !chunk.is_empty()) {
                if stream.write_all(&piece).is_err() {
                    shared.hung_up.fetch_add(1, SeqCst);
                    return None;
                }
                thread::sleep(*gap);
                let _held = held.as_ref().filter(|(first, _)| *first == at).map(|(_, lock)| lock.lock());
                piece = [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat();
            }
            if !cut {
                piece.extend(b"0\r\n\r\n");
            }
            Some(piece)
        }
        Body::Raw(bytes) => Some(bytes.clone()),
        Body::Hang => {
            // The end of the stream or a reset: either way nobody waits any more.
            let _ = stream.read(&mut [0]);
            if !shared.stopping.load(SeqCst) {
                shared.hung_up.fetch_add(1, SeqCst);
            }
            None
        }
    }
}
