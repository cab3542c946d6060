//! The executable that children run, and the thread that starts them.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::{io, thread};

use tokio::process::{Child as Process, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// An executable that becomes a confined child, and the arguments that make it do so.
///
/// Linux kills a child when the thread that started it ends. So all children are started by one thread, which lives
/// until the last clone of this value and the last child are dropped.
#[derive(Clone, Debug)]
pub struct ChildExecutable(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    arguments: Vec<OsString>,
    /// The queue to the thread; `None` before the first child.
    orders: Mutex<Option<mpsc::Sender<Order>>>,
}

/// A child to start.
struct Order {
    command: Command,
    /// The runtime that will own the child's pipes.
    runtime: Handle,
    reply: oneshot::Sender<io::Result<Process>>,
}

impl ChildExecutable {
    /// Names the executable and its arguments. The thread starts with the first child.
    pub fn new<A: Into<OsString>>(path: impl Into<PathBuf>, arguments: impl IntoIterator<Item = A>) -> Self {
        let arguments = arguments.into_iter().map(Into::into).collect();
        Self(Arc::new(Shared { path: path.into(), arguments, orders: Mutex::default() }))
    }

    /// The path of the executable.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Starts a child with three pipes and nothing of our environment. The child is killed when it is dropped.
    pub(crate) async fn spawn(&self) -> io::Result<Process> {
        let mut command = Command::new(&self.0.path);
        command
            .args(&self.0.arguments)
            .env_clear()
            // One heap for all of its threads: glibc reserves 64 MB of address space for each.
            .env("MALLOC_ARENA_MAX", "1")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let (reply, started) = oneshot::channel();
        let lost = || io::Error::other("the thread that starts child processes has ended");
        let order = Order { command, runtime: Handle::current(), reply };
        self.send(order)?;
        started.await.map_err(|_| lost())?
    }

    /// Gives `order` to the thread, or to a new one if that has ended.
    fn send(&self, order: Order) -> io::Result<()> {
        let Err(mpsc::SendError(order)) = self.orders()?.send(order) else { return Ok(()) };
        *self.0.orders.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.orders()?
            .send(order)
            .map_err(|_| io::Error::other("the thread that starts child processes has ended"))
    }

    /// The queue to the thread, which starts with the first order.
    fn orders(&self) -> io::Result<mpsc::Sender<Order>> {
        let mut orders = self.0.orders.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(orders) = &*orders {
            return Ok(orders.clone());
        }
        let (sender, receiver) = mpsc::channel();
        thread::Builder::new().name("children".to_owned()).spawn(move || start_each(&receiver))?;
        Ok(orders.insert(sender).clone())
    }
}

/// Starts children until the queue is closed.
fn start_each(orders: &mpsc::Receiver<Order>) {
    for Order { mut command, runtime, reply } in orders {
        let _inside = runtime.enter();
        // If the caller was cancelled meanwhile, the child is dropped, which kills it.
        let _ = reply.send(command.spawn());
    }
}
