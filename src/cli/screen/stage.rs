//! Shows a job on a terminal while it runs, on a thread of its own: a terminal that is slow, or held by Ctrl-S, holds up
//! no job.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use minions::error::Failure;
use minions::events::{Event, EventListener};

use super::answer::AnswerText;
use super::cursor::{self, Line};
use super::progress_line::ProgressLine;
use super::terminal::{Terminal, columns};

/// Time between two drawings of the line of progress.
const EVERY: Duration = Duration::from_millis(100);
/// The same where nothing happens.
const EVERY_IDLE: Duration = Duration::from_secs(1);

/// Where a job is shown. It hears the job's events.
pub(crate) struct Stage(Sender<Cue>);

/// The thread that shows it.
pub(crate) struct Showing(JoinHandle<String>);

enum Cue {
    Event(Arc<Event>),
    /// The job has ended with this answer, or without one, in a word why.
    End(Result<String, &'static str>),
}

impl Stage {
    /// Begins to show a job: its answer as it comes if stdout `has_answer` on a terminal, and its progress if stderr
    /// `has_progress`.
    ///
    /// # Errors
    /// [`FailureKind::System`](minions::error::FailureKind::System) if there is no thread left.
    pub(crate) fn open(has_answer: bool, has_progress: bool) -> Result<(Arc<Self>, Showing), Failure> {
        let (cues, heard) = channel();
        let (stdout, stderr) = (Terminal::of(&io::stdout()), Terminal::of(&io::stderr()));
        let show = Show {
            answer: (has_answer && stdout.is_terminal).then(|| AnswerText::new(stdout.has_colours)),
            progress: (has_progress && stderr.can_redraw).then(|| ProgressLine::new(Instant::now())),
            stderr,
            drawn: None,
        };
        let thread = thread::Builder::new().name("screen".to_owned());
        let thread = thread.spawn(move || show.run(&heard)).map_err(Failure::no_thread)?;
        Ok((Arc::new(Self(cues)), Showing(thread)))
    }

    /// The job has ended: with this answer, or without one, in a word why.
    pub(crate) fn end(&self, answer: Result<String, &'static str>) {
        // The thread ends after this cue alone.
        let _ = self.0.send(Cue::End(answer));
    }
}

impl Showing {
    /// Waits until all is shown; gives what is on the screen of the answer.
    pub(crate) fn wait(self) -> String {
        self.0.join().unwrap_or_default()
    }
}

impl EventListener for Stage {
    fn event(&self, event: &Arc<Event>) {
        let _ = self.0.send(Cue::Event(Arc::clone(event)));
    }

    fn wants_details(&self) -> bool {
        true
    }
}

struct Show {
    answer: Option<AnswerText>,
    progress: Option<ProgressLine>,
    stderr: Terminal,
    /// When the line of progress was drawn last, and what it said.
    drawn: Option<(Instant, String)>,
}

impl Show {
    /// Shows what comes until the end of the job.
    fn run(mut self, cues: &Receiver<Cue>) -> String {
        loop {
            let wait = if self.is_due(EVERY) { EVERY_IDLE } else { EVERY };
            match cues.recv_timeout(wait) {
                Ok(Cue::Event(event)) => self.take(&event),
                Ok(Cue::End(answer)) => return self.end(answer.as_deref().map_err(|why| *why)),
                Err(RecvTimeoutError::Timeout) => self.draw(),
                Err(RecvTimeoutError::Disconnected) => return self.end(Err("stopped")),
            }
        }
    }

    fn take(&mut self, event: &Event) {
        let now = Instant::now();
        if let Some(progress) = &mut self.progress {
            progress.take(event, now);
        }
        let text = self.answer.as_mut().map(|answer| answer.take(&event.kind)).unwrap_or_default();
        if !text.is_empty() {
            say(&text);
        } else if self.is_due(EVERY) {
            self.draw();
        }
    }

    fn is_due(&self, pause: Duration) -> bool {
        self.drawn.as_ref().is_none_or(|(at, _)| at.elapsed() >= pause)
    }

    /// Draws the line of progress, unless the answer has begun in it.
    fn draw(&mut self) {
        let Some(progress) = &self.progress else { return };
        let now = Instant::now();
        let mut line = cursor::line();
        if *line == Line::Text {
            return;
        }
        // The last column stays free: some terminals begin a line there.
        let shown = progress.line(now, columns(io::stderr()).saturating_sub(1));
        let is_there =
            *line == Line::Progress && self.drawn.as_ref().is_some_and(|(_, there)| *there == shown);
        if !is_there {
            let painted = self.stderr.paint("2", &shown);
            // A terminal that is gone is no reason to fail.
            let _ = io::stderr().lock().write_all(format!("\r\x1b[K{painted}").as_bytes());
        }
        *line = Line::Progress;
        self.drawn = Some((now, shown));
    }

    fn end(mut self, answer: Result<&str, &str>) -> String {
        let shown = self.answer.take().map(|mut text| {
            let rest = match answer {
                Ok(answer) => text.end(answer),
                Err(why) => text.stop(why),
            };
            if !rest.is_empty() {
                say(&rest);
            }
            text.shown().to_owned()
        });
        // Nothing of a finished job stays in the line of the cursor.
        let mut line = cursor::line();
        let is_text = *line == Line::Text;
        let before = line.before_line();
        let end = before.as_bytes();
        let _ = if is_text { io::stdout().lock().write_all(end) } else { io::stderr().lock().write_all(end) };
        cursor::tell_held();
        shown.unwrap_or_default()
    }
}

/// Writes a part of the answer to stdout, which is a terminal.
fn say(text: &str) {
    let mut line = cursor::line();
    if *line == Line::Progress {
        let _ = io::stderr().lock().write_all(line.before_line().as_bytes());
    }
    *line = if text.ends_with('\n') { Line::Empty } else { Line::Text };
    let mut stdout = io::stdout().lock();
    // A terminal that is gone ends the program by a signal.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
