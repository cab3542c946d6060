//! A hash that is equal for equal jobs.

use ring::digest::{Context, SHA256};
use serde_json::Value;

/// How many bytes of the hash are kept.
const LENGTH: usize = 16;

/// 128 bits of SHA-256 over the content of a bare job, in hexadecimal. The order of keys, the `custom_id` and API keys
/// do not change it.
pub fn digest(job: &Value) -> String {
    let mut hash = Hash(Context::new(&SHA256));
    hash.feed(job, &mut Vec::new());
    let digest = hash.0.finish();
    digest.as_ref()[..LENGTH].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The paths of the files and folders that a bare job names.
pub fn paths(job: &Value) -> Vec<&str> {
    let params = &job["call_params"];
    let named = match &params["context_files"] {
        Value::Array(paths) => &paths[..],
        path => std::slice::from_ref(path),
    };
    let in_context = params["context"].as_array().into_iter().flatten().map(|item| &item["file"]);
    named.iter().chain(in_context).filter_map(Value::as_str).collect()
}

struct Hash(Context);

impl Hash {
    /// Hashes `value`, which is at `path`, as JSON with sorted keys.
    fn feed<'a>(&mut self, value: &'a Value, path: &mut Vec<&'a str>) {
        match value {
            Value::Array(items) => {
                self.0.update(b"[");
                for item in items {
                    self.feed(item, path);
                    self.0.update(b",");
                }
                self.0.update(b"]");
            }
            Value::Object(fields) => {
                let mut fields: Vec<_> = fields.iter().collect();
                fields.sort_unstable_by_key(|(key, _)| *key);
                self.0.update(b"{");
                for (key, field) in fields {
                    path.push(key);
                    if !is_left_out(path) {
                        self.text(key);
                        self.0.update(b":");
                        self.feed(field, path);
                        self.0.update(b",");
                    }
                    path.pop();
                }
                self.0.update(b"}");
            }
            Value::String(text) => self.text(text),
            scalar => self.0.update(scalar.to_string().as_bytes()),
        }
    }

    /// Hashes the length of `text` first, so that no text can be taken for two.
    fn text(&mut self, text: &str) {
        self.0.update(text.len().to_string().as_bytes());
        self.0.update(b"\"");
        self.0.update(text.as_bytes());
    }
}

fn is_left_out(path: &[&str]) -> bool {
    matches!(path, ["custom_id"] | ["local_client" | "remote_client", "kwargs", "api_key"])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn equal_jobs_have_equal_digests() {
        let job = json!({"custom_id": "a", "call_params": {"task": "t", "context": ["x", "y"]}, "n": 1.5});
        let same = json!({"n": 1.5, "call_params": {"context": ["x", "y"], "task": "t"}});
        assert_eq!(digest(&job), digest(&same));
        assert_eq!(digest(&job).len(), 32);
        // A release that changes it makes every earlier output useless for --resume.
        assert_eq!(digest(&json!({})), "44136fa355b3678a1146ad16f7e8649e");
        for other in [
            json!({"n": 1.5, "call_params": {"context": ["y", "x"], "task": "t"}}),
            json!({"n": 1.5, "call_params": {"context": ["xy"], "task": "t"}}),
            json!({"n": 1.5, "call_params": {"context": ["x\",1\"y"], "task": "t"}}),
            json!({"n": "1.5", "call_params": {"context": ["x", "y"], "task": "t"}}),
        ] {
            assert_ne!(digest(&job), digest(&other), "{other}");
        }
    }

    #[test]
    fn the_files_of_a_job_are_found() {
        let named = |params| paths(&json!({"call_params": params})).join(" ");
        assert_eq!(named(json!({"context_files": ["a", "b/"], "context": ["t", {"file": "c"}]})), "a b/ c");
        assert_eq!(named(json!({"context_files": "a", "context": "t"})), "a");
        assert_eq!(named(json!({"context": [{"text": "t"}]})) + &paths(&json!(null)).join(" "), "");
    }

    #[test]
    fn a_new_key_is_not_a_new_job() {
        let with = |key| digest(&json!({"remote_client": {"kwargs": {"api_key": key, "seed": 1}}}));
        assert_eq!(with("sk-1"), with("sk-2"));
        assert_ne!(digest(&json!({"call_params": {"api_key": "a"}})), digest(&json!({"call_params": {}})));
    }
}
