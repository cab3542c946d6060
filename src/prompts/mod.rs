//! The prompts, one file each, with named slots such as `{{task}}`.
//!
//! In: the values of the slots. Out: the text. Slots are filled in one pass, so that what looks like a slot
//! inside a document stays as it is.

/// A prompt whose slots are still open.
#[derive(Clone, Copy, Debug)]
pub struct Prompt {
    /// The file's name without its ending.
    pub name: &'static str,
    text: &'static str,
}

macro_rules! prompts {
    ($($(#[$doc:meta])* $constant:ident = $file:literal;)*) => {
        $($(#[$doc])* pub const $constant: Prompt =
            Prompt { name: $file, text: include_str!(concat!($file, ".md")) };)*
        #[cfg(test)]
        const ALL: &[Prompt] = &[$($constant),*];
    };
}

prompts! {
    /// `minion`: the supervisor's instructions and first turn.
    MINION_SUPERVISOR = "minion_supervisor";
    /// `minion`: the worker's reply, handed to the supervisor.
    MINION_REPLY = "minion_reply";
    /// `minion`: the same in the last round.
    MINION_LAST_REPLY = "minion_last_reply";
    /// `minion`: the worker's instructions, documents first.
    MINION_WORKER = "minion_worker";
    /// `minion`: the worker's instructions when the job has no documents.
    MINION_WORKER_BARE = "minion_worker_bare";
    /// `minions`: what the supervisor's code may use.
    MINIONS_PROGRAM = "minions_program";
    /// `minions`: the supervisor is asked for a program.
    MINIONS_DECOMPOSE = "minions_decompose";
    /// `minions`: what is known from earlier rounds.
    MINIONS_EARLIER = "minions_earlier";
    /// `minions`: the program failed.
    MINIONS_MEND = "minions_mend";
    /// `minions`: the worker's instructions.
    MINIONS_WORKER = "minions_worker";
    /// `minions`: one chunk and one task for the worker.
    MINIONS_JOB = "minions_job";
    /// `minions`: the supervisor is asked for the answer or for more.
    MINIONS_SYNTHESISE = "minions_synthesise";
    /// `minions`: the same in the last round.
    MINIONS_SYNTHESISE_LAST = "minions_synthesise_last";
    /// The reply was not the JSON asked for.
    JSON_AGAIN = "json_again";
}

impl Prompt {
    /// The text with its slots filled. A slot without a value keeps its name, which a test forbids.
    pub fn fill(&self, values: &[(&str, &str)]) -> String {
        let mut out =
            String::with_capacity(self.text.len() + values.iter().map(|(_, v)| v.len()).sum::<usize>());
        let mut rest = self.text.trim_end();
        while let Some(start) = rest.find("{{") {
            let Some(length) = rest[start..].find("}}") else { break };
            let slot = &rest[start + 2..start + length];
            out.push_str(&rest[..start]);
            match values.iter().find(|(name, _)| *name == slot) {
                Some((_, value)) => out.push_str(value),
                None => out.push_str(&rest[start..start + length + 2]),
            }
            rest = &rest[start + length + 2..];
        }
        out.push_str(rest);
        out
    }

    #[cfg(test)]
    fn slots(&self) -> Vec<&'static str> {
        self.text.split("{{").skip(1).filter_map(|part| part.split_once("}}")).map(|(slot, _)| slot).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_prompt_is_filled() {
        for prompt in ALL {
            let slots = prompt.slots();
            let values: Vec<_> = slots.iter().map(|slot| (*slot, "{{value}}")).collect();
            let filled = prompt.fill(&values);
            assert_eq!(filled.matches("{{value}}").count(), slots.len(), "{}", prompt.name);
            assert!(!filled.trim().is_empty() && filled.is_ascii(), "{}", prompt.name);
        }
    }

    #[test]
    fn what_looks_like_a_slot_in_a_document_stays() {
        let filled = MINIONS_JOB.fill(&[("chunk", "a {{task}} b"), ("task", "T"), ("advice", "")]);
        assert!(filled.contains("a {{task}} b") && filled.contains('T'));
    }
}
