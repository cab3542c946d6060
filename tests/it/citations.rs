//! Citations through the real executable: where their parts stand, and the words that are nearest to those that are not there.

use serde_json::{Value, json};

use crate::support::program::{Program, job, scripted};
use crate::support::wire::openai;

const PROGRAM: &str = "One job. ```python
def prepare_jobs(context, prev_job_manifests, prev_job_outputs):
    return [JobManifest(chunk=context[0], task='Which?')]
```";

const LOG: &str = "The Aurora left Brest.\nThe crew met the chan\ndler (2) and paid 31 fr.\nNobody wrote for days.\nShe came to Kiel in May.\n";

/// The evidence of a job whose worker cites this.
fn evidence(citation: Value) -> Value {
    let verdict =
        json!({"explanation": "e", "decision": "provide_final_answer", "answer": "Kiel"}).to_string();
    let reply = json!({"explanation": "e", "citation": citation, "answer": "Kiel"}).to_string();
    let server = scripted(vec![PROGRAM.to_owned(), verdict], move |request| openai(request, &reply));
    let program = Program::new();
    std::fs::write(program.dir.path().join("log.txt"), LOG).unwrap();
    let job =
        job(&server, "minions", json!({"task": "Where?", "context_files": ["log.txt"], "max_rounds": 1}));
    let result = program.run_job(&job).result();
    result["evidence"][0].clone()
}

#[test]
fn each_part_of_a_citation_has_its_place() {
    for citation in [
        json!(["The Aurora left Brest.", "She came to Kiel"]),
        json!("The Aurora left Brest; She came to Kiel"),
    ] {
        let found = evidence(citation);
        assert_eq!((&found["verified"], &found["place"]), (&json!(true), &json!("line 1")), "{found}");
        let places: Vec<&Value> =
            found["parts"].as_array().unwrap().iter().map(|part| &part["place"]).collect();
        assert_eq!(places, ["line 1", "line 5"], "{found}");
        assert_eq!(found["parts"][1]["source"], "log.txt", "{found}");
        assert_eq!(
            (&found["parts"][1]["start"], &found["match"]),
            (&json!(LOG.find("She").unwrap()), &json!("fuzzy"))
        );
        assert!(found.get("nearest").is_none(), "{found}");
    }
}

#[test]
fn words_that_a_pdf_broke_are_verified_and_shown_once() {
    let found = evidence(json!("The crew met the chandler and paid 31 fr."));
    assert_eq!((&found["verified"], &found["place"]), (&json!(true), &json!("line 2")), "{found}");
    assert!(found.get("parts").is_none(), "{found}");
}

#[test]
fn what_is_not_there_has_the_nearest_words() {
    let found = evidence(json!("The crew met the chandler and paid 32 fr."));
    assert_eq!(found["verified"], false, "{found}");
    let nearest = found["nearest"].as_str().unwrap();
    assert!(nearest.contains("and paid 31 fr."), "{found}");
    let found = evidence(json!("Der Kapitän unterschrieb."));
    assert!(found.get("nearest").is_none() && found["verified"] == false, "{found}");
}
