//! Where a key belongs that stands in the wrong place, or in a job of the other protocol.

use super::{Parser, TOP_LEVEL, cost};
use crate::job::error::JobError;
use crate::job::options;
use crate::job::protocol::ProtocolKind;

/// `error` with the right place, where it complains of a key that is known elsewhere.
pub(super) fn right_place(error: JobError) -> JobError {
    let JobError::UnknownKey { place, .. } = &error else { return error };
    let (path, key) = place.rsplit_once('.').unwrap_or(("", place));
    let parsers = || ProtocolKind::ALL.into_iter().map(|kind| (kind, Parser::of(kind)));
    let own_keys = |parser: &'static Parser| match path {
        "call_params" => parser.params,
        "protocol.kwargs" => parser.kwargs,
        _ => &[],
    };
    if let Some((kind, _)) = parsers().find(|(_, parser)| own_keys(parser).contains(&key)) {
        return JobError::OtherProtocol { place: place.clone(), protocol: kind.name() };
    }
    let is_of_both = |keys: fn(&Parser) -> &'static [&'static str]| {
        parsers().any(|(_, parser)| keys(parser).contains(&key))
    };
    let homes = [
        ("", TOP_LEVEL.contains(&key)),
        ("call_params", is_of_both(|parser| parser.params)),
        ("protocol", ["max_rounds", "log_dir", "session_dir"].contains(&key)),
        ("protocol.kwargs", is_of_both(|parser| parser.kwargs)),
        ("budget", cost::BUDGET.contains(&key)),
    ];
    match homes.into_iter().find(|(_, is_home)| *is_home) {
        Some(("", _)) => JobError::Misplaced { place: place.clone(), right: key.to_owned() },
        Some((home, _)) => JobError::Misplaced { place: place.clone(), right: format!("{home}.{key}") },
        None => match options::home(key).filter(|_| !path.contains("_client")) {
            Some(home) => JobError::Misplaced {
                place: place.clone(),
                right: format!("local_client.{home}` or `remote_client.{home}"),
            },
            None => error,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use crate::error::Failure;
    use crate::job::parse;

    #[test]
    fn a_key_in_the_wrong_place_is_told_where_it_belongs() {
        for (job, place) in [
            (json!({"task": "t"}), "`call_params.task`"),
            (json!({"context": ["t"]}), "`call_params.context`"),
            (json!({"max_rounds": 2}), "`call_params.max_rounds`"),
            (json!({"call_params": {"task": "t", "prompts": {}}}), "`protocol.kwargs.prompts`"),
            (json!({"call_params": {"task": "t", "budget": {}}}), "`budget`"),
            (json!({"call_params": {"task": "t", "remote_tokens": 5}}), "`budget.remote_tokens`"),
            (json!({"protocol": {"prices": {}}}), "`protocol.kwargs.prices`"),
            (json!({"protocol": {"type": "minions", "num_samples": 3}}), "`protocol.kwargs.num_samples`"),
            (json!({"protocol": {"kwargs": {"log_dir": "x"}}}), "`protocol.log_dir`"),
            (json!({"budget": {"prices": {}}}), "`protocol.kwargs.prices`"),
            (json!({"deadline_s": 5}), "`budget.deadline_s`"),
            (json!({"model": "m"}), "`local_client.model_name` or `remote_client.model_name`"),
            (
                json!({"call_params": {"task": "t", "temperature": 0}}),
                "`local_client.kwargs.temperature` or `remote_client.kwargs.temperature`",
            ),
            (
                json!({"protocol": {"num_ctx": 8192}}),
                "`local_client.kwargs.num_ctx` or `remote_client.kwargs.num_ctx`",
            ),
        ] {
            let complaint = Failure::from(parse(job.clone(), Path::new("logs")).unwrap_err()).to_string();
            assert!(complaint.contains("stands in the wrong place"), "{job}: {complaint}");
            assert!(complaint.ends_with(&format!("write it as {place}")), "{job}: {complaint}");
        }
    }

    #[test]
    fn a_key_of_the_other_protocol_is_told_of_it() {
        for (protocol, place, key) in [
            ("minions", "call_params", "num_tasks_per_round"),
            ("minions", "call_params", "chunk_fn"),
            ("minions", "kwargs", "worker_batch_size"),
            ("minion", "call_params", "images"),
        ] {
            let other = if protocol == "minion" { "minions" } else { "minion" };
            let mut job = json!({"protocol": {"type": other}, "call_params": {"task": "t"}});
            match place {
                "kwargs" => job["protocol"]["kwargs"] = json!({key: 1}),
                _ => job[place][key] = json!(1),
            }
            let complaint = Failure::from(parse(job.clone(), Path::new("logs")).unwrap_err()).to_string();
            assert!(
                complaint.contains(&format!("is an option of the protocol {protocol}.")),
                "{job}: {complaint}"
            );
        }
    }
}
