//! A machine without certificates of CAs, such as a bare container, is told so, with the remedy.

use serde_json::json;

use crate::support::program::{Program, job, scripted};
use crate::support::wire::openai;

#[test]
fn each_kind_of_client_says_what_to_install() {
    let server = scripted(vec![], |request| openai(request, "never asked"));
    let empty = tempfile::NamedTempFile::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("none.pem");
    for place in [empty.path(), &nowhere] {
        for kind in ["openai", "anthropic", "ollama"] {
            let mut job = job(&server, "minion", json!({"task": "Who?", "context": ["Ada."]}));
            job["remote_client"] = json!({
                "type": kind, "model_name": "m", "kwargs": {"base_url": "https://192.0.2.1/v1", "api_key": "key", "retries": 0},
            });
            let program = Program::new()
                .env("SSL_CERT_FILE", place.to_str().unwrap())
                .env("SSL_CERT_DIR", folder.path().to_str().unwrap());
            let ran = program.run_job(&job);
            let error = ran.envelope()["error"].as_str().unwrap().to_owned();
            assert!(error.contains("no certificates of CAs"), "{kind}: {error}");
            let hint = "Hint: Install the package ca-certificates, or name a file of CA certificates in SSL_CERT_FILE";
            assert!(error.to_lowercase().contains(&hint.to_lowercase()), "{kind}: {error}");
        }
    }
    assert!(server.requests().is_empty());
}
