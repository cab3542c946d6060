//! The schemas of bodies.

use serde_json::{Map, Value, json};

use crate::job;

/// All schemas by name.
pub(super) fn schemas() -> Value {
    let mut all = Map::new();
    for part in [shared(), of_runs(), of_files(), of_openai(), of_batches(), of_the_original()] {
        all.extend(part.as_object().cloned().unwrap_or_default());
    }
    all.into()
}

fn shared() -> Value {
    let text = json!({"type": ["string", "null"]});
    json!({
        "Any": {"type": "object"},
        "Status": {
            "type": "object",
            "required": ["status"],
            "properties": {"status": {"enum": ["ok", "ready", "draining"]}},
        },
        "Error": {
            "description": "OpenAI's error object, with a hint on what to do.",
            "type": "object",
            "required": ["error"],
            "properties": {"error": {
                "type": "object",
                "required": ["message", "type", "code", "param", "hint"],
                "properties": {"message": {"type": "string"}, "type": {"type": "string"}, "code": text, "param": text, "hint": text},
            }},
        },
        "List": {
            "type": "object",
            "required": ["object", "data"],
            "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": {"type": "object"}}},
        },
        "Envelope": {
            "description": "docs/envelope.md describes the result.",
            "type": "object",
            "required": ["success", "result", "error"],
            "properties": {"success": {"type": "boolean"}, "result": {"type": ["object", "null"]}, "error": text},
        },
        "PullRequest": {
            "type": "object",
            "required": ["type", "model"],
            "additionalProperties": false,
            "properties": {"type": {"enum": ["ollama", "docker_model_runner"]}, "model": {"type": "string", "minLength": 1}},
        },
    })
}

fn of_runs() -> Value {
    json!({
        "Job": job(),
        "Run": {
            "type": "object",
            "required": ["id", "object", "state", "created_at", "url", "task", "protocol"],
            "properties": {
                "id": {"type": "string"},
                "object": {"const": "run"},
                "state": {"enum": ["queued", "running", "done", "failed", "cancelled"]},
                "created_at": {"type": "integer"},
                "position": {"type": "integer", "description": "runs before it, while it waits"},
                "url": {"type": "string"},
                "task": {"type": "string"},
                "protocol": {"type": "string"},
                "job": {"type": "object"},
                "envelope": {"$ref": "#/components/schemas/Envelope"},
            },
        },
    })
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

fn of_files() -> Value {
    let file = json!({"$ref": "#/components/schemas/File"});
    let place = json!({
        "type": "object", "required": ["start", "place"],
        "properties": {"start": {"type": "integer"}, "place": {"type": "string"}},
    });
    let text = json!({
        "type": "object",
        "required": ["name", "text", "places"],
        "properties": {
            "name": {"type": ["string", "null"]}, "text": {"type": "string"}, "places": {"type": "array", "items": place},
        },
    });
    json!({
        "File": {
            "type": "object",
            "required": ["id", "object", "bytes", "created_at", "filename", "purpose", "status"],
            "properties": {
                "id": {"type": "string"}, "object": {"const": "file"}, "bytes": {"type": "integer"},
                "created_at": {"type": "integer"}, "filename": {"type": "string"}, "purpose": {"type": "string"},
                "status": {"type": "string"}, "minions": {"type": "object"},
            },
        },
        "FileOrList": {"anyOf": [file, {"$ref": "#/components/schemas/List"}]},
        "Deleted": {
            "type": "object", "required": ["id", "object", "deleted"],
            "properties": {"id": {"type": "string"}, "object": {"const": "file"}, "deleted": {"const": true}},
        },
        "Text": text,
        "Texts": {
            "type": "object", "required": ["documents"],
            "properties": {"documents": {"type": "array", "items": {"$ref": "#/components/schemas/Text"}}},
        },
    })
}

fn of_openai() -> Value {
    let part = json!({"type": "object", "required": ["type"], "properties": {"type": {"enum": [
        "text", "input_text", "image_url", "file", "input_file",
    ]}}});
    let content = json!({"type": ["string", "array", "null"], "items": part});
    json!({
        "Model": {
            "type": "object", "required": ["id", "object", "created", "owned_by"],
            "properties": {
                "id": {"type": "string"}, "object": {"const": "model"}, "created": {"type": "integer"},
                "owned_by": {"type": "string"},
            },
        },
        "ChatRequest": {
            "description": "docs/serve-openai.md says what becomes of each parameter; those that are not listed here are refused, \
                            or may only have the value that they have by default.",
            "type": "object",
            "required": ["model", "messages"],
            "properties": {
                "model": {"type": "string"},
                "messages": {
                    "type": "array", "minItems": 1,
                    "items": {
                        "type": "object", "required": ["role"],
                        "properties": {
                            "role": {"enum": ["system", "developer", "user", "assistant"]}, "content": content,
                        },
                    },
                },
                "stream": {"type": ["boolean", "null"]},
                "stream_options": {"type": ["object", "null"], "properties": {"include_usage": {"type": "boolean"}}},
                "temperature": {"type": ["number", "null"], "minimum": 0, "maximum": 2},
                "seed": {"type": ["integer", "null"], "minimum": 0, "maximum": 4_294_967_295_u64},
                "max_tokens": {"type": ["integer", "null"], "minimum": 1},
                "max_completion_tokens": {"type": ["integer", "null"], "minimum": 1},
                "reasoning_effort": {"enum": ["none", "minimal", "low", "medium", "high", null]},
                "metadata": {"type": ["object", "null"]},
                "user": {"type": ["string", "null"]},
                "minions": {
                    "description": "Documents (`context`, `file_ids`), `doc_metadata`, `budget`, `kwargs` of the protocol, and other \
                                    keys of `call_params`.",
                    "type": ["object", "null"],
                },
            },
        },
        "ChatCompletion": {
            "type": "object",
            "required": ["id", "object", "created", "model", "choices", "usage", "minions"],
            "properties": {
                "id": {"type": "string"}, "object": {"const": "chat.completion"}, "created": {"type": "integer"},
                "model": {"type": "string"},
                "choices": {
                    "type": "array", "minItems": 1, "maxItems": 1,
                    "items": {
                        "type": "object", "required": ["index", "message", "finish_reason"],
                        "properties": {
                            "index": {"const": 0},
                            "message": {
                                "type": "object", "required": ["role", "content"],
                                "properties": {"role": {"const": "assistant"}, "content": {"type": "string"}},
                            },
                            "finish_reason": {"enum": ["stop", "length"]},
                        },
                    },
                },
                "usage": {
                    "description": "Tokens of both sides together; `minions.usage` tells them apart.",
                    "type": "object", "required": ["prompt_tokens", "completion_tokens", "total_tokens"],
                },
                "minions": {"description": "The run's id, its evidence, what left the machine, savings.", "type": "object"},
            },
        },
    })
}

fn of_batches() -> Value {
    let text = json!({"type": ["string", "null"]});
    let time = json!({"type": ["integer", "null"]});
    json!({
        "BatchRequest": {
            "type": "object",
            "required": ["input_file_id"],
            "additionalProperties": false,
            "properties": {
                "input_file_id": {"type": "string"},
                "endpoint": {"enum": ["/v1/chat/completions", "/v1/minions", null]},
                "completion_window": {"enum": ["24h", null]},
                "metadata": {"type": ["object", "null"]},
            },
        },
        "Batch": {
            "type": "object",
            "required": ["id", "object", "endpoint", "input_file_id", "status", "created_at", "request_counts"],
            "properties": {
                "id": {"type": "string"}, "object": {"const": "batch"}, "endpoint": {"type": "string"},
                "input_file_id": {"type": "string"}, "completion_window": {"const": "24h"},
                "status": {"enum": ["validating", "failed", "in_progress", "completed", "cancelling", "cancelled"]},
                "errors": {"type": ["object", "null"]}, "output_file_id": text, "error_file_id": text,
                "created_at": {"type": "integer"}, "in_progress_at": time, "completed_at": time, "failed_at": time,
                "cancelling_at": time, "cancelled_at": time, "expires_at": time,
                "request_counts": {
                    "type": "object", "required": ["total", "completed", "failed"],
                    "properties": {
                        "total": {"type": "integer"}, "completed": {"type": "integer"}, "failed": {"type": "integer"},
                    },
                },
                "metadata": {"type": ["object", "null"]},
            },
        },
    })
}

fn of_the_original() -> Value {
    let overrides = json!({
        "context": {"type": ["array", "null"]}, "file_ids": {"type": ["array", "null"], "items": {"type": "string"}},
        "doc_metadata": {"type": ["string", "null"]}, "max_rounds": {"type": ["integer", "null"], "minimum": 1, "maximum": 1000},
        "logging_id": {"type": ["string", "null"]}, "images": {"type": ["array", "null"]},
        "is_privacy": {"enum": [false, null]}, "mcp_tools_info": {"type": "null"},
        "max_jobs_per_round": {"type": ["integer", "null"]}, "num_tasks_per_round": {"type": ["integer", "null"]},
        "num_samples_per_task": {"type": ["integer", "null"]}, "chunk_fn": {"type": ["string", "null"]},
        "use_retrieval": {"type": ["string", "boolean", "null"]}, "retrieval_model": {"type": ["string", "null"]},
    });
    let of_minions = [
        "max_jobs_per_round",
        "num_tasks_per_round",
        "num_samples_per_task",
        "chunk_fn",
        "use_retrieval",
        "retrieval_model",
    ];
    let body = |question: &str, is_of_minion: bool| {
        let mut properties = overrides.clone();
        properties[question] = json!({"type": "string", "minLength": 1});
        if let Some(properties) = properties.as_object_mut().filter(|_| is_of_minion) {
            properties.retain(|key, _| !of_minions.contains(&key.as_str()));
        }
        json!({"type": "object", "required": [question], "additionalProperties": false, "properties": properties})
    };
    let name = json!({"type": ["string", "null"]});
    let number = json!({"type": ["integer", "string", "null"]});
    let changes = json!({
        "remote_provider": name, "remote_model_name": name, "local_provider": name, "local_model_name": name,
        "timeout": {"type": ["integer", "null"], "minimum": 0}, "max_rounds": number, "max_jobs_per_round": number, "num_tasks_per_round": number,
        "num_samples_per_task": number, "chunking_function": name, "use_retrieval": {"type": ["string", "boolean", "null"]},
    });
    json!({
        "OriginalQuery": body("query", true),
        "OriginalTask": body("task", false),
        "OriginalAnswer": {
            "type": "object",
            "required": ["success", "final_answer", "log_file", "usage", "timing"],
            "properties": {
                "success": {"const": true}, "final_answer": {"type": "string"}, "log_file": {"type": ["string", "null"]},
                "usage": {
                    "type": "object", "required": ["remote", "local"],
                    "properties": {"remote": {"type": "object"}, "local": {"type": ["object", "null"]}},
                },
                "timing": {"type": "object"}, "execution_time": {"type": "number"}, "parameters_used": {"type": "object"},
            },
        },
        "OriginalText": {
            "type": "object",
            "required": ["success", "text", "filename", "pages", "characters"],
            "properties": {
                "success": {"const": true}, "text": {"type": "string"}, "filename": {"type": "string"},
                "pages": {"type": "integer"}, "characters": {"type": "integer"},
            },
        },
        "OriginalHealth": {
            "type": "object",
            "required": ["status", "timestamp", "config", "features"],
            "properties": {
                "status": {"const": "healthy"}, "timestamp": {"type": "string"}, "config": {"type": "object"},
                "features": {"type": "object"},
            },
        },
        "OriginalChanges": {"type": "object", "additionalProperties": false, "properties": changes},
        "OriginalConfig": {"type": "object", "required": ["config"], "properties": {"config": {"type": "object", "properties": changes}}},
        "OriginalError": {
            "description": "The guard in front of all routes refuses with an object as `error`.",
            "type": "object",
            "required": ["error"],
            "properties": {"error": {"type": ["string", "object"]}, "message": {"type": "string"}, "suggestion": {"type": "string"}},
        },
    })
}
