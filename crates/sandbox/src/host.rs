//! Calls of the host that the code makes while one of its functions runs.

use std::collections::HashMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A call that the code makes and the host answers. Its long texts travel beside it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostCall {
    /// The name of the host's function.
    pub name: String,
    /// The arguments except for the texts, as JSON.
    pub arguments: Value,
}

/// How often one run of the code (its top level, or one of its functions) may make calls of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostCallLimit {
    /// The most calls.
    pub calls: u32,
    /// The error of further calls, in words for the code's author.
    pub message: String,
}

/// The functions that the host answers. An implementation must not trust the arguments.
#[async_trait]
pub trait HostCalls: Send + Sync {
    /// The limit of the calls of this name; `None` if the host has no such function.
    fn limit(&self, name: &str) -> Option<HostCallLimit>;

    /// Answers one call; an error is in words for the code's author. The time it takes does not count as the code's.
    async fn answer(&self, call: HostCall, texts: Vec<String>) -> Result<Value, String>;
}

/// The host's functions during one run of the code, and how often each was called.
pub(crate) struct Counted<'a> {
    host: Option<&'a dyn HostCalls>,
    made: HashMap<String, u32>,
}

impl<'a> Counted<'a> {
    pub(crate) fn new(host: Option<&'a dyn HostCalls>) -> Self {
        Self { host, made: HashMap::new() }
    }

    /// Answers a call, unless there is no such function or it was called too often.
    pub(crate) async fn answer(&mut self, call: HostCall, texts: Vec<String>) -> Result<Value, String> {
        let known = self.host.and_then(|host| Some((host, host.limit(&call.name)?)));
        let Some((host, limit)) = known else {
            return Err("nothing here answers it: do it in another way".to_owned());
        };
        let made = self.made.entry(call.name.clone()).or_default();
        *made += 1;
        if *made > limit.calls {
            return Err(limit.message);
        }
        host.answer(call, texts).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Twice;

    #[async_trait]
    impl HostCalls for Twice {
        fn limit(&self, name: &str) -> Option<HostCallLimit> {
            let message = format!("at most 2 calls of {name}");
            ["a", "b"].contains(&name).then_some(HostCallLimit { calls: 2, message })
        }

        async fn answer(&self, call: HostCall, texts: Vec<String>) -> Result<Value, String> {
            Ok(Value::from(format!("{}{}", call.name, texts.len())))
        }
    }

    #[tokio::test]
    async fn each_name_has_its_own_limit() {
        let call = |name: &str| HostCall { name: name.to_owned(), arguments: Value::Null };
        let unknown = Err("nothing here answers it: do it in another way".to_owned());
        let mut counted = Counted::new(Some(&Twice));
        let cases = [
            ("a", Ok(Value::from("a1"))),
            ("b", Ok(Value::from("b1"))),
            ("a", Ok(Value::from("a1"))),
            ("a", Err("at most 2 calls of a".to_owned())),
            ("b", Ok(Value::from("b1"))),
            ("c", unknown.clone()),
        ];
        for (name, answer) in cases {
            assert_eq!(counted.answer(call(name), vec![String::new()]).await, answer, "{name}");
        }
        assert_eq!(Counted::new(None).answer(call("a"), Vec::new()).await, unknown);
    }
}
