//! The schemas of bodies.

use serde_json::{Map, Value, json};

use crate::job;

/// All but the job's. As code they would take fifteen times the room.
const WRITTEN: &str = include_str!("schemas.json");

/// All schemas by name.
pub(super) fn schemas() -> Map<String, Value> {
    let mut all: Map<String, Value> = serde_json::from_str(WRITTEN).unwrap_or_default();
    all.insert("Job".to_owned(), job());
    all
}

/// A job as it is sent here: with the ids of uploads.
fn job() -> Value {
    let mut job = job::json_schema();
    if let Some(job) = job.as_object_mut() {
        job.remove("$schema");
    }
    let definitions = job["$defs"].take();
    let mut text = job.to_string();
    // A reference counts from the root of the whole document.
    if let Some(definitions) = definitions.as_object() {
        for name in definitions.keys() {
            let within = format!("#/components/schemas/Job/$defs/{name}");
            text = text.replace(&format!("#/$defs/{name}"), &within);
        }
    }
    let mut job: Value = serde_json::from_str(&text).unwrap_or_default();
    job["$defs"] = definitions;
    job["properties"]["call_params"]["properties"]["file_ids"] = json!({
        "type": ["array", "null"], "items": {"type": "string"}, "description": "Ids that POST /v1/files gave.",
    });
    job
}
