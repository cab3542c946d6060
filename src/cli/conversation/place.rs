//! Where a conversation is kept: its session, and the folder in which that is.

use minions::config::Environment;
use minions::error::Failure;
use minions::sessions::{Contents, Name, Sessions, TurnMark};
use tempfile::TempDir;

use crate::cli::ask::{AskOptions, session};
use crate::cli::screen::{Face, spoken};

/// A conversation's session.
pub(super) struct Place {
    sessions: Sessions,
    pub session: Name,
    /// Whether somebody gave it its name.
    is_named: bool,
    /// Why it is kept no longer than the program runs, and the folder where it is meanwhile.
    passing: Option<(Failure, TempDir)>,
}

impl Place {
    /// The session that `options` name, else a new one. Where nobody named one and none can be kept, it lives as long as
    /// the program, in a folder that `options` name then.
    ///
    /// # Errors
    /// A session or a folder that was named and can't be used.
    pub(super) fn find(options: &mut AskOptions, environment: &Environment) -> Result<Self, Failure> {
        if let Some(session) = session::named(options, environment)? {
            let sessions = session::sessions(options, environment)?;
            return Ok(Self { sessions, session, is_named: true, passing: None });
        }
        let begun = session::sessions(options, environment).and_then(begin);
        let problem = match begun {
            Ok((sessions, session)) => {
                return Ok(Self { sessions, session, is_named: false, passing: None });
            }
            Err(problem) if options.session_dir.is_some() => return Err(problem),
            Err(problem) => problem,
        };
        let folder = tempfile::tempdir().map_err(|_| problem.clone())?;
        let (sessions, session) = begin(Sessions::in_folder(folder.path()))?;
        options.session_dir = Some(folder.path().to_owned());
        Ok(Self { sessions, session, is_named: false, passing: Some((problem, folder)) })
    }

    /// What is to be known of it.
    pub(super) fn warning(&self) -> Option<String> {
        let (problem, _) = self.passing.as_ref()?;
        let problem = spoken(problem.clone(), Face::Conversation);
        Some(format!("this conversation is not kept: {problem}"))
    }

    /// What was said; `None` if nothing was.
    ///
    /// # Errors
    /// The session can't be used.
    pub(super) fn contents(&self) -> Result<Option<Contents>, Failure> {
        Ok(self.sessions.find(&self.session)?.filter(|contents| !contents.is_new()))
    }

    /// Takes `turn`, the last one, back.
    ///
    /// # Errors
    /// It is not the last one any more.
    pub(super) fn undo(&self, turn: &TurnMark) -> Result<(), Failure> {
        self.sessions.undo(&self.session, turn)
    }

    /// Goes on under the name `to`. A session that nobody named, and of which this conversation knows all `turns`, goes.
    ///
    /// # Errors
    /// A name that can't be one, or is taken; no place where it would be kept.
    pub(super) fn save(&mut self, to: &str, turns: usize) -> Result<(), Failure> {
        if let Some((problem, _)) = &self.passing {
            return Err(problem.clone());
        }
        let to = Name::new(to).map_err(|problem| Failure::input(format!("a name {problem}")))?;
        if self.sessions.find(&to)?.is_some_and(|contents| !contents.is_new()) {
            return Err(Failure::input(format!("there is a session {to} already")).hint("take another name"));
        }
        let has = self.contents()?.map_or(0, |contents| contents.len());
        if has > 0 {
            self.sessions.fork(&self.session, None, &to)?;
        }
        if !self.is_named && has == turns {
            self.sessions.remove(&self.session)?;
        }
        (self.session, self.is_named) = (to, true);
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(failure) = self.sessions.remove_empty(&self.session) {
            tracing::debug!("{failure}");
        }
    }
}

/// A new session, named after the time at which it begins.
fn begin(sessions: Sessions) -> Result<(Sessions, Name), Failure> {
    let now = jiff::Zoned::now().strftime("%Y-%m-%d-%H%M%S").to_string();
    let name = sessions.begin(&Name::new(&now).map_err(Failure::defect)?)?;
    Ok((sessions, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(dir: &std::path::Path) -> Place {
        let mut options = AskOptions { session_dir: Some(dir.to_owned()), ..AskOptions::default() };
        Place::find(&mut options, &Environment::default()).unwrap()
    }

    #[test]
    fn no_two_conversations_share_a_session() {
        let dir = tempfile::tempdir().unwrap();
        let places: Vec<Place> = (0..20).map(|_| find(dir.path())).collect();
        let names: std::collections::BTreeSet<_> = places.iter().map(|place| place.session.clone()).collect();
        assert_eq!(names.len(), 20);
        drop(places);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "empty ones go");
    }

    #[test]
    fn without_a_place_a_conversation_lives_as_long_as_the_program() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("file"), "").unwrap();
        let state = dir.path().join("file").display().to_string();
        for variables in [vec![], vec![("XDG_STATE_HOME".to_owned(), state)]] {
            let environment: Environment = variables.into_iter().collect();
            let mut options = AskOptions::default();
            let mut place = Place::find(&mut options, &environment).unwrap();
            let folder = options.session_dir.clone().unwrap();
            assert!(folder.exists() && place.warning().unwrap().contains("is not kept: "));
            assert!(place.save("acme", 0).is_err());
            drop(place);
            assert!(!folder.exists());
            // What was named must be usable.
            let mut named = AskOptions { resume: true, ..AskOptions::default() };
            assert!(Place::find(&mut named, &environment).is_err());
        }
    }
}
