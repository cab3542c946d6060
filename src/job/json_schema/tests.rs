use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

use super::*;

/// Whether `value` is what `schema` says, as far as our schema says anything.
fn is_valid(value: &Value, schema: &Value, root: &Value) -> bool {
    let Some(object) = schema.as_object() else { return schema != &Value::Bool(false) };
    let valid = |schema: &Value| is_valid(value, schema, root);
    let is_type = |name: &Value| match name.as_str().unwrap() {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    };
    let fields = value.as_object();
    object.iter().all(|(keyword, told)| match keyword.as_str() {
        "type" => told.as_array().map_or_else(|| is_type(told), |types| types.iter().any(is_type)),
        "enum" => told.as_array().unwrap().contains(value),
        "const" => told == value,
        "minimum" => value.as_f64().is_none_or(|number| number >= told.as_f64().unwrap()),
        "maximum" => value.as_f64().is_none_or(|number| number <= told.as_f64().unwrap()),
        "pattern" => {
            value.as_str().is_none_or(|text| Regex::new(told.as_str().unwrap()).unwrap().is_match(text))
        }
        "maxLength" => {
            value.as_str().is_none_or(|text| text.chars().count() as u64 <= told.as_u64().unwrap())
        }
        "minLength" => value.as_str().is_none_or(|text| !text.is_empty()),
        "required" => fields.is_none_or(|fields| {
            told.as_array().unwrap().iter().all(|key| fields.contains_key(key.as_str().unwrap()))
        }),
        "properties" => fields.is_none_or(|fields| {
            let told = told.as_object().unwrap();
            fields.iter().all(|(key, value)| told.get(key).is_none_or(|schema| is_valid(value, schema, root)))
        }),
        "additionalProperties" => fields.is_none_or(|fields| {
            let known = |key: &String| object.get("properties").is_some_and(|known| known.get(key).is_some());
            fields.iter().filter(|(key, _)| !known(key)).all(|(_, value)| is_valid(value, told, root))
        }),
        "propertyNames" => {
            fields.is_none_or(|fields| fields.keys().all(|key| is_valid(&json!(key), told, root)))
        }
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| is_valid(item, told, root))),
        "oneOf" => told.as_array().unwrap().iter().filter(|schema| valid(schema)).count() == 1,
        "anyOf" => told.as_array().unwrap().iter().any(valid),
        "allOf" => told.as_array().unwrap().iter().all(valid),
        "not" => !valid(told),
        "if" => match valid(told) {
            true => object.get("then").is_none_or(valid),
            false => object.get("else").is_none_or(valid),
        },
        "$ref" => valid(root.pointer(told.as_str().unwrap().trim_start_matches('#')).unwrap()),
        "then" | "else" | "description" | "default" | "examples" | "deprecated" | "title" | "$schema"
        | "$defs" => true,
        other => panic!("{other} is not known to this test"),
    })
}

fn is_job(job: &Value) -> bool {
    let schema = json_schema();
    is_valid(job, &schema, &schema)
}

fn parsed(job: &Value) -> Result<(), String> {
    let parsed = super::super::parse(job.clone(), Path::new("logs"));
    parsed.map(drop).map_err(|error| error.to_string())
}

/// A job with this value of a row.
fn with(row: &Row, value: &Value) -> Value {
    let protocol = match parse::params(ProtocolKind::Minion).contains(&row.key)
        || row.key == "structured_output_schema"
    {
        true => "minion",
        false => "minions",
    };
    let mut job = json!({"protocol": {"type": protocol, "kwargs": {}}, "call_params": {"task": "t"}});
    let key = row.key;
    let side = |value: &Value| {
        let provider = providers::PROVIDERS.iter().find(|provider| options::is_known(provider, key)).unwrap();
        let mut side = json!({"type": provider.name, "kwargs": {(key): value}});
        if provider.dialect.is_none() {
            side["model_path"] = "m.gguf".into();
        }
        side
    };
    match row.area {
        "" => job[key] = value.clone(),
        "call_params" | "protocol" => job[row.area][key] = value.clone(),
        "protocol.kwargs" => job["protocol"]["kwargs"][key] = value.clone(),
        "budget" => {
            job["budget"] = json!({(key): value});
            job["protocol"]["kwargs"]["prices"] = json!({"input": 1, "output": 1});
        }
        "prices" => {
            job["protocol"]["kwargs"]["prices"] = json!({"input": 1, "output": 1});
            job["protocol"]["kwargs"]["prices"][key] = value.clone();
        }
        "client.kwargs" => job["local_client"] = side(value),
        "client" => {
            let kind = if key == "model_path" { "llama_cpp" } else { "ollama" };
            job["local_client"] = json!({"type": kind});
            job["local_client"][key] = value.clone();
        }
        "document" => {
            let mut document = if key == "file" { json!({}) } else { json!({"text": "x"}) };
            document[key] = value.clone();
            job["call_params"]["context"] = json!([document]);
        }
        "history" => job["call_params"]["history"] = json!({(key): value}),
        "turn" => {
            let mut turn = json!({"query": "q", "remote_output": "a"});
            turn[key] = value.clone();
            job["call_params"]["history"] = json!({"turns": [turn]});
        }
        other => panic!("{other}"),
    }
    if key == "retrieval_model" {
        job["call_params"]["use_retrieval"] = "embedding".into();
    }
    job
}

#[test]
fn the_schema_has_every_field_that_the_parser_knows_and_no_other() {
    let of_sides = [
        ("client", options::outer().collect::<Vec<_>>()),
        ("client.kwargs", options::all().collect()),
        ("document", super::super::context::DOCUMENT.to_vec()),
        ("history", super::super::history::KEYS.to_vec()),
        ("turn", super::super::history::TURN.to_vec()),
    ];
    for (area, known) in parse::keys().into_iter().chain(of_sides) {
        let rows: BTreeSet<&str> = rows().filter(|row| row.area == area).map(|row| row.key).collect();
        let known: BTreeSet<&str> = known.into_iter().collect();
        let (missing, more) =
            (known.difference(&rows).collect::<Vec<_>>(), rows.difference(&known).collect::<Vec<_>>());
        assert!(
            missing.is_empty() && more.is_empty(),
            "src/job/json_schema/rows, \"{area}\": describe {missing:?}, take out {more:?}"
        );
    }
    let twice = |row: &Row| rows().filter(|other| (other.area, other.key) == (row.area, row.key)).count() > 1;
    assert_eq!(rows().find(|row| twice(row)).map(|row| row.key), None);
}

#[test]
fn the_example_and_the_default_of_each_field_are_taken_by_parser_and_schema() {
    for row in rows() {
        for text in [row.example, row.default].into_iter().filter(|text| !text.is_empty()) {
            let value: Value =
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{}: {error}", row.key));
            let job = with(row, &value);
            assert_eq!(parsed(&job), Ok(()), "{} {text}: {job}", row.key);
            assert!(is_job(&job), "{} {text}: {job}", row.key);
        }
    }
}

#[test]
fn parser_and_schema_agree_on_the_limits_of_each_field() {
    for row in rows() {
        let cases: Vec<(Value, bool)> = match row.form {
            Form::Count(least, most) => {
                let mut cases =
                    vec![(json!(least), true), (json!(-1), false), (json!(1.5), false), (json!([]), false)];
                cases.extend((least > 0).then(|| (json!(least - 1), false)));
                cases.extend((most < u64::MAX).then(|| (json!(most + 1), false)));
                cases.push((json!(most), true));
                cases
            }
            Form::Limit(least, most) => {
                let mut cases =
                    vec![(json!(-1), true), (json!(-2), false), (json!(least), true), (json!(most), true)];
                cases.extend((least > 0).then(|| (json!(least - 1), false)));
                cases
            }
            Form::Number(least, most) => vec![
                (json!(least), true),
                (json!(most), true),
                (json!(least - 0.001), false),
                (json!(most * 2.0), false),
                (json!({}), false),
            ],
            Form::OneOf(names) => {
                let all = names.iter().map(|name| (json!(name), true));
                // What goes with another field alone is tried with its example.
                let all = all.filter(|(name, _)| row.key != "use_retrieval" || name != "embedding");
                all.chain([(json!("nonsense"), false), (json!(5), false)]).collect()
            }
            Form::Flag => {
                vec![(json!(true), true), (json!(false), true), (json!(1), false), (json!([]), false)]
            }
            Form::Text => vec![(json!([]), false), (json!(false), false)],
            Form::Object => vec![(json!(5), false), (json!([]), false)],
            Form::List => vec![(json!(5), false), (json!([5]), false)],
            Form::Unused => vec![(json!(false), true), (json!("x"), false), (json!([1]), false)],
            Form::Anything => vec![],
        };
        // The parser reads what it needs alone, and an address in an order of its own.
        let is_free = row.key == "$schema" || row.key == "callback";
        for (value, expected) in cases.into_iter().filter(|_| !is_free) {
            let job = with(row, &value);
            assert_eq!(parsed(&job).is_ok(), expected, "the parser, {} {value}: {:?}", row.key, parsed(&job));
            assert_eq!(is_job(&job), expected, "the schema, {} {value}", row.key);
        }
    }
}

#[test]
fn a_field_of_another_protocol_or_client_type_is_refused_by_both() {
    for (job, expected) in [
        (json!({"call_params": {"task": "t"}}), true),
        (json!({"call_params": {"task": "t", "images": ["a.png"]}}), true),
        (json!({"protocol": {"type": "minions"}, "call_params": {"task": "t", "images": ["a.png"]}}), false),
        (json!({"call_params": {"task": "t", "chunk_fn": "chunk_by_page"}}), false),
        (json!({"protocol": {"kwargs": {"worker_batch_size": 3}}, "call_params": {"task": "t"}}), false),
        (
            json!({"local_client": {"type": "vllm", "model_name": "m", "kwargs": {"num_ctx": 8192}}, "call_params": {"task": "t"}}),
            false,
        ),
        (json!({"local_client": {"kwargs": {"num_ctx": 8192}}, "call_params": {"task": "t"}}), true),
        (
            json!({"local_client": {"type": "llama-cpp", "model_path": "m"}, "call_params": {"task": "t"}}),
            true,
        ),
        (json!({"local_client": {"type": "llama_cpp"}, "call_params": {"task": "t"}}), false),
        (json!({"local_client": {"type": "ollama", "model_path": "m"}, "call_params": {"task": "t"}}), false),
        (
            json!({"local_client": {"type": "openai", "kwargs": {"reasoning_effort": "low"}}, "call_params": {"task": "t"}}),
            true,
        ),
        (json!({"local_client": {"type": "olama"}, "call_params": {"task": "t"}}), false),
        (
            json!({"protocol": {"kwargs": {"prompts": {"nobody": "x.md"}}}, "call_params": {"task": "t"}}),
            false,
        ),
        (json!({"protocol": {"kwargs": {"prices": {"input": 1}}}, "call_params": {"task": "t"}}), false),
        (json!({"call_params": {"task": "t", "context": [{"name": "a", "text": "x"}, "y"]}}), true),
        (json!({"call_params": {"task": "t", "context": [{"name": "a"}]}}), false),
        (
            json!({"call_params": {"task": "t", "context": [{"file": "a.pdf"}], "context_files": "src/"}}),
            true,
        ),
        (json!({"call_params": {"task": "t", "context": [{"file": "a.pdf", "text": "x"}]}}), false),
        (json!({"call_params": {"task": "t", "history": [{"role": "user", "content": "x"}]}}), true),
        (json!({"call_params": {"task": "t", "history": {"turns": [{"question": "x"}]}}}), false),
        (json!({"call_params": {"context": []}}), false),
        (json!({"call_params": {"task": ""}}), false),
        (json!({"call_params": {"task": "t"}, "bugdet": {}}), false),
        (json!({}), false),
    ] {
        assert_eq!(parsed(&job).is_ok(), expected, "the parser: {job} {:?}", parsed(&job));
        assert_eq!(is_job(&job), expected, "the schema: {job}");
    }
}

#[test]
fn parser_and_schema_agree_on_names_and_paths() {
    let long = "x".repeat(101);
    let longer = "x".repeat(201);
    for (area, key, good, bad) in [
        (
            "",
            "session",
            &["acme", "10-K", "a.b_c", "übung", "_x", "見積"][..],
            &["", ".", "..", "../x", "a/b", ".hidden", "-x", "a b", "a\0", "a\n", "a@3", "~", "a[b", &long][..],
        ),
        (
            "call_params",
            "logging_id",
            &["ships-1", "a b", "..a", &long],
            &["", ".", "..", "a/b", "a\\b", "a\0", &longer],
        ),
        (
            "call_params",
            "log_path",
            &["a.json", "b/a..b/c.json", "./x"],
            &["", " ", "../a", "a/../b", "a/..", "a\0"],
        ),
        (
            "protocol",
            "log_dir",
            &["logs", "/var/log", "a..b", "..."],
            &["", " ", "..", "a/../b", "../a", "a\0"],
        ),
        ("protocol", "session_dir", &["s", "/s/..t"], &["", "/s/..", "../s"]),
        ("call_params", "context_files", &["a.pdf", "../a", "/a b"], &["", " "]),
        ("document", "file", &["a.pdf", "../a"], &["", " "]),
    ] {
        let row = rows().find(|row| (row.area, row.key) == (area, key)).unwrap();
        let cases = good.iter().map(|name| (name, true)).chain(bad.iter().map(|name| (name, false)));
        for (name, expected) in cases {
            let job = with(row, &json!(name));
            assert_eq!(parsed(&job).is_ok(), expected, "the parser, {key} {name:?}: {:?}", parsed(&job));
            assert_eq!(is_job(&job), expected, "the schema, {key} {name:?}");
        }
    }
    for (role, expected) in [("user", true), ("system", false), ("tool", false)] {
        let job = json!({"call_params": {"task": "t", "history": [{"role": role, "content": "x"}]}});
        assert_eq!((parsed(&job).is_ok(), is_job(&job)), (expected, expected), "{role}");
    }
}

#[test]
fn the_jobs_of_the_repository_are_jobs_by_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in ["examples/quickstart.json", "examples/demo/job.json"] {
        let job: Value = serde_json::from_slice(&std::fs::read(root.join(name)).unwrap()).unwrap();
        assert!(is_job(&job), "{name}");
    }
    let page = std::fs::read_to_string(root.join("docs/job.md")).unwrap();
    let blocks = page.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let jobs: Vec<Value> = blocks.filter_map(|block| serde_json::from_str(block).ok()).collect();
    assert!(jobs.iter().any(is_job), "docs/job.md has no job");
    for job in jobs {
        assert!(is_job(&job), "{job}");
    }
}
