//! The text of a file while it is written, with its places.

use minions_documents::{Place, Places};

use crate::Kind;
use crate::reading::{Problem, Reading};

/// What ends the reading of a file early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// What follows can't be read. What came before it counts.
    Damaged,
    /// The text has reached its limit.
    Full,
    /// The file is refused as a whole.
    Refused(Problem),
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

/// A text that grows.
#[derive(Default)]
pub(crate) struct Draft {
    text: String,
    chars: usize,
    places: Vec<(usize, Place)>,
    limit: usize,
    notes: Vec<String>,
}

/// A point in a draft that it can go back to.
pub(crate) struct Mark {
    bytes: usize,
    chars: usize,
    places: usize,
}

impl Draft {
    /// An empty text of at most `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Appends to the text.
    pub(crate) fn push(&mut self, text: &str) -> Result<(), Stop> {
        let fitting = &text[..text.floor_char_boundary(self.room())];
        self.text.push_str(fitting);
        self.chars += fitting.chars().count();
        if fitting.len() < text.len() { Err(Stop::Full) } else { Ok(()) }
    }

    /// Says that this place begins here.
    pub(crate) fn place(&mut self, place: Place) {
        self.places.push((self.chars, place));
    }

    /// Says that this place began at an offset before.
    pub(crate) fn place_at(&mut self, chars: usize, place: Place) {
        self.places.push((chars, place));
    }

    /// The length of the text in characters.
    pub(crate) fn chars(&self) -> usize {
        self.chars
    }

    /// Says this to the user, once.
    pub(crate) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// How much more it takes, in bytes.
    pub(crate) fn room(&self) -> usize {
        self.limit - self.text.len()
    }

    /// Takes over what another draft has to say to the user.
    pub(crate) fn take_notes(&mut self, other: Self) {
        other.notes.into_iter().for_each(|note| self.note(note));
    }

    /// The text alone.
    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// Whether nothing was written yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Whether no place was noted yet.
    pub(crate) fn has_places(&self) -> bool {
        !self.places.is_empty()
    }

    /// Where the draft is now.
    pub(crate) fn mark(&self) -> Mark {
        Mark { bytes: self.text.len(), chars: self.chars, places: self.places.len() }
    }

    /// Forgets what was written after the mark.
    pub(crate) fn back_to(&mut self, mark: &Mark) {
        self.text.truncate(mark.bytes);
        self.chars = mark.chars;
        self.places.truncate(mark.places);
    }

    /// The reading, however it ended.
    pub(crate) fn finish(mut self, kind: Kind, end: Result<(), Stop>) -> Result<Reading, Problem> {
        match end {
            Ok(()) => {}
            Err(Stop::Refused(problem)) => return Err(problem),
            Err(Stop::Damaged) => self.note(DAMAGED),
            Err(Stop::Full) => {
                let last = self.places.last().map_or(String::new(), |(_, place)| format!(" in {place}"));
                self.note(format!("The text is too long: it was cut{last}."));
            }
        }
        if self.text.trim().is_empty() && self.notes.iter().any(|note| note == DAMAGED) {
            return Err(Problem::Damaged("none of its text can be read"));
        }
        let Self { text, places, notes, .. } = self;
        Ok(Reading { kind, text, places: Places::from(places), notes, scans: Vec::new() })
    }
}

/// What is said of a file that is damaged in part.
pub(crate) const DAMAGED: &str = "The file is damaged: some of its text may be missing or wrong.";

/// What is said of a zip without a directory.
pub(crate) const CUT: &str = "The end of the file is missing: what follows may lack parts of it.";

/// A text in one line.
pub(crate) fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
