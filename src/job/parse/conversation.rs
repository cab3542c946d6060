//! Whether a job is a turn of a conversation, and what was said before.

use super::log;
use crate::history::History;
use crate::job::error::JobError;
use crate::job::fields::{Fields, wide};
use crate::job::history::history;
use crate::job::protocol::Protocol;
use crate::job::schema::{Conversation, Rewrite, SessionRef};
use crate::sessions;

/// The most turns that can be asked for word by word.
const MOST_TURNS: u64 = 1000;

/// Reads what makes a job a turn of a conversation; `None` if it stands for itself.
pub(super) fn conversation(
    params: &mut Fields,
    kwargs: &mut Fields,
    session: Option<SessionRef>,
    task: &str,
    protocol: &Protocol,
) -> Result<Option<Conversation>, JobError> {
    let is_multi_turn = kwargs.flag("is_multi_turn")?;
    let max_turns = kwargs.count("max_history_turns", 0, MOST_TURNS)?.map(wide);
    let given_rewrite = rewrite(kwargs, protocol)?;
    let given = history(params)?;
    if let (Some(_), Some(session)) = (&given, &session) {
        let problem =
            format!("is given, but the session {} has its own: leave one of the two out", session.name);
        return Err(JobError::BadValue { place: params.place("history"), problem });
    }
    let is_follow_up = session.is_some() || given.as_ref().is_some_and(|history| history.turns_so_far() > 0);
    if is_multi_turn == Some(false) && is_follow_up {
        let other = if session.is_some() { "session" } else { "call_params.history" };
        let problem = format!("is false, but the job has `{other}`: leave one of the two out");
        return Err(JobError::BadValue { place: kwargs.place("is_multi_turn"), problem });
    }
    if is_multi_turn != Some(true) && given.is_none() && session.is_none() {
        let unused = [("max_history_turns", max_turns.is_some()), ("rewrite", given_rewrite.is_some())];
        for (key, _) in unused.into_iter().filter(|(_, is_given)| *is_given) {
            let place = kwargs.place(key);
            kwargs
                .warn(format!("{place} has no effect without call_params.history, session or is_multi_turn"));
        }
        return Ok(None);
    }
    let mut history = given.unwrap_or_default();
    without_the_question_itself(&mut history, task, params);
    history.max_turns = max_turns.unwrap_or(history.max_turns);
    Ok(Some(Conversation { history, rewrite: given_rewrite.unwrap_or(Rewrite::of(protocol)), session }))
}

/// A chat may end with the question that the job asks. Any other last message without an answer stays, but no model is
/// shown it.
fn without_the_question_itself(history: &mut History, task: &str, params: &mut Fields) {
    let Some(last) = history.turns.last().filter(|turn| turn.remote_output.trim().is_empty()) else { return };
    if last.status.is_none() && last.query.trim() == task.trim() {
        history.turns.pop();
    } else if last.status.is_none() {
        let place = params.place("history");
        params.warn(format!("the last turn of {place} has no answer: it is kept, but no model is shown it"));
    }
}

fn rewrite(kwargs: &mut Fields, protocol: &Protocol) -> Result<Option<Rewrite>, JobError> {
    let Some(name) = kwargs.string("rewrite")? else { return Ok(None) };
    let bad = |problem: String| JobError::BadValue { place: kwargs.place("rewrite"), problem };
    let given = Rewrite::ALL.into_iter().find(|rewrite| rewrite.name() == name).ok_or_else(|| {
        bad("must be \"remote\", \"local\" or \"off\": who makes a follow-up stand alone".to_owned())
    })?;
    match given.role() {
        Some(role) if !protocol.asks(role) => Err(bad(format!(
            "can't be {name:?}: the protocol {} does not ask the {role}; leave it out, or write \"off\"",
            protocol.name()
        ))),
        _ => Ok(Some(given)),
    }
}

/// `session` and `protocol.session_dir`.
pub(super) fn session(root: &mut Fields, protocol: &mut Fields) -> Result<Option<SessionRef>, JobError> {
    let dir = log::folder(protocol, "session_dir")?;
    let Some(name) = root.string("session")? else {
        if dir.is_some() {
            let place = protocol.place("session_dir");
            protocol.warn(format!("{place} has no effect without `session`, the name of one"));
        }
        return Ok(None);
    };
    let name = sessions::Name::new(&name)
        .map_err(|problem| JobError::BadValue { place: root.place("session"), problem })?;
    Ok(Some(SessionRef { name, dir }))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::{Value, json};

    use super::*;
    use crate::error::Failure;
    use crate::job::parse;

    fn read(call: Value, kwargs: Value) -> Result<Option<Conversation>, String> {
        let mut call_params = json!({"task": "And before?"});
        if !call.is_null() {
            call_params["history"] = call;
        }
        let job = json!({"call_params": call_params, "protocol": {"kwargs": kwargs}});
        let read = parse(job, Path::new("logs")).map(|job| job.conversation);
        read.map_err(|error| Failure::from(error).to_string())
    }

    /// Each turn as "question|answer".
    fn turns(call: Value) -> Result<Vec<String>, String> {
        let conversation = read(call, json!({}))?.unwrap();
        Ok(conversation
            .history
            .turns
            .into_iter()
            .map(|turn| format!("{}|{}", turn.query, turn.remote_output))
            .collect())
    }

    #[test]
    fn a_history_has_many_shapes() {
        let user = |text: &str| json!({"role": "user", "content": text});
        let model = |text: &str| json!({"role": "assistant", "content": text});
        let turn = |query: &str, answer: Value| json!({"query": query, "remote_output": answer});
        let all: Vec<(Value, &[&str])> = vec![
            (json!([]), &[]),
            (json!({}), &[]),
            (json!({"turns": null}), &[]),
            (json!([user("a"), model("b")]), &["a|b"]),
            (
                json!([user("a"), user("b"), model("c"), model("d"), user("e"), model("f")]),
                &["a\n\nb|c\n\nd", "e|f"],
            ),
            (json!([model("hello"), user("a"), model("b")]), &["|hello", "a|b"]),
            (json!([user("a"), model("b"), user("c")]), &["a|b", "c|"]),
            // The question itself.
            (json!([user("a"), model("b"), user("And before? ")]), &["a|b"]),
            (
                json!([
                    {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]},
                    {"role": "assistant", "content": "c", "refusal": null, "annotations": []},
                ]),
                &["a\n\nb|c"],
            ),
            (json!([turn("a", json!("b")), turn("c", json!(null))]), &["a|b", "c|"]),
            (json!({"turns": [turn("a", json!("b"))], "summary": "s", "max_turns": 3}), &["a|b"]),
        ];
        for (history, expected) in all {
            assert_eq!(turns(history.clone()).unwrap(), expected, "{history}");
        }
    }

    #[test]
    fn the_original_s_object_comes_through_whole() {
        let given = json!({
            "max_turns": 4,
            "turns": [{"query": "q", "local_output": "l", "remote_output": "r", "timestamp": "2026-01-02T03:04:05",
                       "standalone_task": "q in full", "status": "partial",
                       "evidence": [{"citation": "c", "source": "a.pdf", "place": "p. 4"}]}],
            "summary": "s",
            "turns_since_last_summary": 3,
            "turns_per_summary": 6,
            "summarize_older_turns": false,
            "summarized_turns": 9,
        });
        let history = read(given.clone(), json!({})).unwrap().unwrap().history;
        assert_eq!(serde_json::to_value(&history).unwrap(), given);
        let other = read(given, json!({"max_history_turns": 2})).unwrap().unwrap();
        assert_eq!((other.history.max_turns, other.rewrite), (2, Rewrite::Remote));
    }

    #[test]
    fn a_job_is_a_turn_if_it_says_so_or_has_a_history() {
        let is_turn = |call: Value, kwargs: Value| read(call, kwargs).unwrap().is_some();
        assert!(!is_turn(Value::Null, json!({})));
        assert!(!is_turn(Value::Null, json!({"is_multi_turn": false, "max_history_turns": 10})));
        assert!(is_turn(Value::Null, json!({"is_multi_turn": true})));
        assert!(is_turn(json!([]), json!({})));
        for (name, rewrite) in [("remote", Rewrite::Remote), ("local", Rewrite::Local), ("off", Rewrite::Off)]
        {
            let read = read(json!([]), json!({"rewrite": name})).unwrap().unwrap();
            assert_eq!(read.rewrite, rewrite);
        }
    }

    #[test]
    fn a_bad_history_says_where_and_what_to_do() {
        let user = json!({"role": "user", "content": "a"});
        for (history, kwargs, complaint) in [
            (
                json!("before"),
                json!({}),
                "`call_params.history` must be result.conversation_history of the job before, or a list of messages",
            ),
            (
                json!({"tuns": []}),
                json!({}),
                "unknown key `call_params.history.tuns`. Hint: did you mean `turns`?",
            ),
            (
                json!({"messages": []}),
                json!({}),
                "unknown key `call_params.history.messages`. Hint: did you mean `turns`?",
            ),
            (
                json!({"max_history_turns": 3}),
                json!({}),
                "Hint: write it as `protocol.kwargs.max_history_turns`",
            ),
            (
                json!({"turns": {}}),
                json!({}),
                "`call_params.history.turns` must be a list of turns, not an object",
            ),
            (json!({"turns": ["a"]}), json!({}), "`call_params.history.turns[0]` must be a turn, {\"query\""),
            (
                json!({"turns": [{"query": "a", "answer": "b"}]}),
                json!({}),
                "`call_params.history.turns[0].answer`. Hint: did you mean `remote_output`?",
            ),
            (
                json!({"turns": [{"question": "a", "remote_output": "b"}]}),
                json!({}),
                "`call_params.history.turns[0].question`. Hint: did you mean `query`?",
            ),
            (
                json!({"turns": [{"timestamp": null}]}),
                json!({}),
                "`call_params.history.turns[0]` must have a \"query\"",
            ),
            (
                json!({"turns": [{"query": 4}]}),
                json!({}),
                "`call_params.history.turns[0].query` must be a string, not a number",
            ),
            (
                json!({"turns": [{"query": "a", "status": "ok"}]}),
                json!({}),
                "turns[0].status` must be one of \"answered\", \"no_answer\", \"partial\", \"failed\"",
            ),
            (
                json!({"turns": [{"query": "a", "evidence": [{"citaton": "x"}]}]}),
                json!({}),
                "turns[0].evidence[0].citaton`. Hint: did you mean `citation`?",
            ),
            (json!([user, "b"]), json!({}), "`call_params.history[1]` must be a message, {\"role\""),
            (
                json!([{"role": "system", "content": "x"}]),
                json!({}),
                "`call_params.history[0].role` is \"system\", but a history has",
            ),
            (
                json!([{"role": "tool", "content": "x"}]),
                json!({}),
                "`call_params.history[0].role` must be \"user\" or \"assistant\"",
            ),
            (
                json!([{"role": "user"}]),
                json!({}),
                "`call_params.history[0].content` must be a string, not null",
            ),
            (
                json!([{"role": "user", "content": " "}]),
                json!({}),
                "`call_params.history[0].content` must not be empty",
            ),
            (
                json!([{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]),
                json!({}),
                "`call_params.history[0].content[0]` must be a text",
            ),
            (
                json!([{"role": "user", "contents": "x"}]),
                json!({}),
                "unknown key `call_params.history[0].contents`. Hint: did you mean `content`?",
            ),
            (
                json!([user]),
                json!({"is_multi_turn": false}),
                "`protocol.kwargs.is_multi_turn` is false, but the job has `call_params.history`: leave one of the two out",
            ),
            (
                json!([user]),
                json!({"rewrite": "never"}),
                "`protocol.kwargs.rewrite` must be \"remote\", \"local\" or \"off\"",
            ),
            (
                json!([user]),
                json!({"max_history_turns": -1}),
                "`protocol.kwargs.max_history_turns` must be from 0 to 1000, not -1",
            ),
        ] {
            let error = read(history.clone(), kwargs).unwrap_err();
            assert!(error.contains(complaint), "{history}: {error}");
        }
    }

    #[test]
    fn a_session_has_its_own_history() {
        let read = |job: Value| {
            parse(job, Path::new("logs"))
                .map(|job| job.conversation.and_then(|conversation| conversation.session))
                .map_err(|error| Failure::from(error).to_string())
        };
        let job = |session: Value, call: Value| json!({"session": session, "call_params": call});
        let session = read(job(json!("acme"), json!({"task": "t"}))).unwrap().unwrap();
        assert_eq!((session.name.to_string().as_str(), session.dir), ("acme", None));
        for (job, complaint) in [
            (
                job(json!("acme"), json!({"task": "t", "history": []})),
                "the session acme has its own: leave one of the two out",
            ),
            (job(json!("../../x"), json!({"task": "t"})), "`session` "),
            (json!({"call_params": {"task": "t", "session": "a"}}), "write it as `session`"),
            (
                json!({"protocol": {"kwargs": {"session_dir": "a"}}, "call_params": {"task": "t"}}),
                "write it as `protocol.session_dir`",
            ),
            (
                json!({"protocol": {"is_multi_turn": true}, "call_params": {"task": "t"}}),
                "write it as `protocol.kwargs.is_multi_turn`",
            ),
            (json!({"history": [], "call_params": {"task": "t"}}), "write it as `call_params.history`"),
        ] {
            let error = read(job.clone()).unwrap_err();
            assert!(error.contains(complaint), "{job}: {error}");
        }
    }
}
