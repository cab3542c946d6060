//! The service described, as OpenAPI 3.1 has it.

mod routes;
mod schemas;

use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::{Map, Value, json};

use super::error::json_response;
use super::service::Service;
use routes::{Brings, Form, Gives, ROWS, Row};

/// The route of the document.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new().route("/openapi.json", get(show))
}

async fn show() -> Response {
    json_response(StatusCode::OK, &document())
}

/// The whole document.
fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for row in ROWS {
        let path = paths.entry(row.path).or_insert_with(|| json!({}));
        path[row.method] = operation(row);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "minions",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A small local model and a frontier model in the cloud solve a job together; long documents stay local.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas::schemas(),
            "securitySchemes": {"token": {
                "type": "http", "scheme": "bearer",
                "description": "Where the service asks for tokens; one that listens at loopback alone may ask for none.",
            }},
        },
    })
}

fn operation(row: &Row) -> Value {
    let refusal = json!({
        "description": "Refused, or failed: what is wrong, where, and what to do.",
        "content": {"application/json": {"schema": reference(row.refusal)}},
    });
    let mut responses = Map::new();
    responses.insert(row.status.to_string(), success(row));
    for status in ["4XX", "5XX"] {
        responses.insert(status.to_owned(), refusal.clone());
    }
    if row.path == "/readyz" {
        let draining = json!({"description": "It takes none.", "content": {"application/json": {"schema": reference("Status")}}});
        responses.insert("503".to_owned(), draining);
    }
    let mut operation = json!({
        "tags": [row.tag],
        "summary": row.summary,
        "operationId": format!("{}{}", row.method, row.path.replace(['/', '{', '}', '-', '.'], "_")),
        "responses": responses,
        "security": if row.is_open { json!([]) } else { json!([{"token": []}, {}]) },
    });
    let within = row.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = within
        .map(|name| json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}}))
        .collect();
    parameters.extend(row.parameters.iter().map(|(name, place, form, about)| {
        let schema = match form {
            Form::Text => json!({"type": "string"}),
            Form::Flag => json!({"type": "boolean"}),
            Form::Count(least, u64::MAX) => json!({"type": "integer", "minimum": least}),
            Form::Count(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
        };
        json!({"name": name, "in": place, "description": about, "schema": schema})
    }));
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    match row.brings {
        Brings::Nothing => {}
        Brings::Json(schema) => {
            let content = json!({"application/json": {"schema": reference(schema)}});
            operation["requestBody"] = json!({"required": true, "content": content});
        }
        Brings::Form(field) => {
            let mut properties = json!({"purpose": {"type": "string"}});
            properties[field] = json!({"type": "string", "contentMediaType": "application/octet-stream"});
            let schema = json!({
                "type": "object", "required": [field], "properties": properties, "additionalProperties": false,
            });
            let content = json!({"multipart/form-data": {"schema": schema}});
            operation["requestBody"] = json!({"required": true, "content": content});
        }
    }
    operation
}

fn success(row: &Row) -> Value {
    let json_of = |schema: &str| json!({"schema": reference(schema)});
    let events = |about: &str| json!({"schema": {"description": about}});
    let content = match row.gives {
        Gives::Json(schema) => json!({"application/json": json_of(schema)}),
        Gives::Events(about) => json!({"text/event-stream": events(about)}),
        Gives::JsonOrEvents(schema, about) => {
            json!({"application/json": json_of(schema), "text/event-stream": events(about)})
        }
        Gives::Bytes(media) => {
            let mut content = json!({});
            content[media] = json!({"schema": {"type": "string"}});
            content
        }
    };
    json!({"description": row.summary, "content": content})
}

fn reference(schema: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{schema}")})
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All references of a document.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
                fields.values().for_each(|field| references(field, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn each_reference_leads_somewhere_and_each_operation_has_a_name() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > ROWS.len());
        for reference in found {
            assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
        }
        let operations = document["paths"]
            .as_object()
            .unwrap()
            .values()
            .flat_map(|path| path.as_object().unwrap().values());
        let names: std::collections::HashSet<_> =
            operations.map(|one| one["operationId"].as_str().unwrap()).collect();
        assert_eq!(names.len(), ROWS.len());
    }
}
