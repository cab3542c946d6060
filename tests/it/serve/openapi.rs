//! The description of the service is true.

use serde_json::Value;

use super::clients::serving;
use crate::support::program::scripted;
use crate::support::wire::openai;

#[test]
fn each_route_that_is_described_is_there() {
    let serving = serving(&scripted(vec![], |request| openai(request, "?")), &[]);
    let document = serving.get("/openapi.json").with(200);
    assert_eq!(document["openapi"], "3.1.0");
    for (path, methods) in document["paths"].as_object().unwrap() {
        let address = path.replace("{id}", "none").replace("{n}", "0");
        for (method, operation) in methods.as_object().unwrap() {
            let answer = serving.ask(&method.to_uppercase(), &address, "", "");
            let route_is_missing =
                answer.status == 405 || answer.status == 404 && answer.text().contains("there is no route");
            assert!(!route_is_missing, "{method} {path}: {} {}", answer.status, answer.text());
            let brings = operation["requestBody"]["content"].as_object();
            if let Some((kind, _)) = brings.and_then(|content| content.iter().next()) {
                assert!(
                    (400..500).contains(&answer.status),
                    "{method} {path} wants {kind}: {}",
                    answer.status
                );
            } else if path.contains('{') {
                assert_eq!(answer.status, 404, "{method} {path}: {}", answer.text());
            } else {
                let told = answer.header("content-type").unwrap_or_default();
                let kind = told.split(';').next().unwrap_or_default();
                let described = &operation["responses"][answer.status.to_string()]["content"];
                assert!(described.get(kind).is_some(), "{method} {path} gives {kind}: {described}");
            }
        }
        let other = serving.ask("PATCH", &address, "", "");
        assert_eq!(other.status, 405, "{path}");
    }
    let required = |schema: &str| -> Vec<Value> {
        document["components"]["schemas"][schema]["required"].as_array().unwrap().clone()
    };
    assert!(required("ChatRequest").contains(&"messages".into()));
}
