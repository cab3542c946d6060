//! The parts that models have in a job.

use serde::{Deserialize, Serialize};

/// The part of a model in a job. Its name stands in the ledger, in recordings and in messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobRole {
    /// The model that plans and answers: the job's remote client.
    Supervisor,
    /// The model that reads the documents: the job's local client.
    Worker,
    /// The model that turns the documents' chunks into vectors, on the local client's side.
    Embedding,
}

impl JobRole {
    /// The role's name: `supervisor`, `worker` or `embedding`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Supervisor => "supervisor",
            Self::Worker => "worker",
            Self::Embedding => "embedding",
        }
    }
}

impl std::fmt::Display for JobRole {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_one_name_everywhere() {
        for role in [JobRole::Supervisor, JobRole::Worker, JobRole::Embedding] {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
            assert_eq!(role.to_string(), role.as_str());
        }
    }
}
