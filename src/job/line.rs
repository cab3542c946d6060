//! From one value of the input to a bare job: a request in the shape of OpenAI's batch files is unwrapped.

use serde_json::{Map, Value};

use super::error::JobError;
use super::fields::{Fields, nearest};
use super::protocol::ProtocolKind;

/// The name that the user gave the job, if it has a usable one.
pub fn custom_id(line: &Value) -> Option<&str> {
    line["custom_id"].as_str().filter(|id| !id.trim().is_empty())
}

/// Keys that nothing but a job has.
const JOB_KEYS: [&str; 5] = ["call_params", "local_client", "remote_client", "custom_id", "body"];

/// Whether `value` was meant as a job: an object with one of its keys, if misspelt.
pub fn is_job(value: &Value) -> bool {
    let is_key = |key: &String| nearest(key, JOB_KEYS.into_iter()).is_some();
    value.as_object().is_some_and(|object| object.keys().any(is_key))
}

/// The job of `{"custom_id", "method", "url", "body": job}`; a bare job as it is.
pub fn bare(line: Value) -> Result<Value, JobError> {
    let is_request = ["method", "url", "body"].iter().any(|key| line.get(key).is_some());
    if !is_request {
        return Ok(line);
    }
    let mut line = Fields::strict("", line, &["custom_id", "method", "url", "body", "metadata"])?;
    if line.string("method")?.is_some_and(|method| method != "POST") {
        return Err(JobError::BadValue { place: "method".into(), problem: "must be \"POST\"".into() });
    }
    let protocol = line.string("url")?.map(protocol_of).transpose()?;
    let Some(Value::Object(mut job)) = line.object("body")? else {
        return Err(JobError::Missing { place: "body", remedy: "it holds the job" });
    };
    for key in ["custom_id", "metadata"] {
        let Some(value) = line.value(key) else { continue };
        if job.get(key).is_some_and(|inner| !inner.is_null()) {
            let problem = format!("is given twice: leave it out, `{key}` beside `body` is enough");
            return Err(JobError::BadValue { place: format!("body.{key}"), problem });
        }
        job.insert(key.to_owned(), value);
    }
    if let Some(protocol) = protocol {
        set_protocol(&mut job, protocol)?;
    }
    Ok(Value::Object(job))
}

/// The protocol whose address `url` is.
fn protocol_of(url: String) -> Result<&'static str, JobError> {
    let addresses = ProtocolKind::ALL.map(|kind| (format!("/v1/{}", kind.name()), kind.name()));
    if let Some((_, protocol)) = addresses.iter().find(|(address, _)| *address == url) {
        return Ok(protocol);
    }
    let known = addresses.map(|(address, _)| address);
    Err(JobError::UnknownName {
        place: "url".into(),
        what: "address",
        nearest: nearest(&url, known.iter().map(String::as_str)),
        known: known.join(", "),
        name: url,
    })
}

/// Sets the job's protocol; an error if the job names another one.
fn set_protocol(job: &mut Map<String, Value>, wanted: &'static str) -> Result<(), JobError> {
    let protocol = job.entry("protocol").or_insert(Value::Null);
    if protocol.is_null() {
        *protocol = Value::Object(Map::new());
    }
    // A non-object is reported later, when the job is checked.
    let Some(protocol) = protocol.as_object_mut() else { return Ok(()) };
    let named = protocol.entry("type").or_insert(Value::Null);
    match named {
        Value::Null => *named = wanted.into(),
        Value::String(name) if name != wanted => {
            return Err(JobError::BadValue {
                place: "url".into(),
                problem: format!("means the protocol {wanted}, but body.protocol.type is {name}"),
            });
        }
        // The right name; or not a string, which is reported later as well.
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_becomes_a_bare_job() {
        let job = json!({"call_params": {"task": "t"}});
        assert_eq!(bare(job.clone()).unwrap(), job);
        let line = json!({"custom_id": "a", "method": "POST", "url": "/v1/minions", "metadata": {"k": 1}, "body": job});
        let expected = json!({
            "call_params": {"task": "t"}, "custom_id": "a", "metadata": {"k": 1}, "protocol": {"type": "minions"},
        });
        assert_eq!(bare(line).unwrap(), expected);
        let line = json!({"url": "/v1/minion", "body": {"protocol": {"type": "minion", "max_rounds": 1}}});
        assert_eq!(bare(line).unwrap(), json!({"protocol": {"type": "minion", "max_rounds": 1}}));
    }

    #[test]
    fn a_job_is_known_by_its_keys() {
        for job in [
            json!({"call_params": {}}),
            json!({"call_parms": 1}),
            json!({"custom_id": "a"}),
            json!({"body": {}}),
        ] {
            assert!(is_job(&job), "{job}");
        }
        // Other programs' lines, which may be JSON as well.
        for other in [
            json!({"level": 30, "msg": "loaded .env"}),
            json!({}),
            json!([{"task": 1}]),
            json!("call_params"),
        ] {
            assert!(!is_job(&other), "{other}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_request_is_said() {
        for (line, complaint) in [
            (json!({"body": {}, "method": "GET"}), "`method` must be \"POST\""),
            (json!({"body": {}, "url": "/v1/chat"}), "`url`: unknown address `/v1/chat`"),
            (json!({"url": "/v1/minion"}), "`body` is missing: it holds the job"),
            (json!({"body": [1]}), "`body` must be an object, not a list"),
            (json!({"body": {}, "task": 1}), "unknown key `task`"),
            (
                json!({"url": "/v1/minion", "body": {"protocol": {"type": "minions"}}}),
                "`url` means the protocol minion, but body.protocol.type is minions",
            ),
            (
                json!({"custom_id": "a", "body": {"custom_id": "b"}}),
                "`body.custom_id` is given twice: leave it out, `custom_id` beside `body` is enough",
            ),
        ] {
            assert_eq!(bare(line.clone()).unwrap_err().to_string(), complaint, "{line}");
        }
    }
}
