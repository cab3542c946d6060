//! `context_chars` recognises documents through what honest programs do to them.

use serde_json::{Value, json};

use crate::support::program::{Program, Ran, job, scripted};
use crate::support::wire::openai;

/// What programs do to a text `T` of lines.
const PROGRAMS: &[&str] = &[
    "T",
    "json.dumps(T)",
    "json.dumps([{'text': T}])",
    "json.dumps(json.dumps(T))",
    "T.upper()",
    "repr(T)",
    "T.replace('&', '&amp;').replace('<', '&lt;').replace('\"', '&quot;').replace(\"'\", '&#x27;')",
    "'\\n'.join(reversed(T.split('\\n')))",
    "'\\n'.join(T.split())",
    "' | '.join(T.split())",
    "'\\n'.join([str(n) + ': ' + line for n, line in enumerate(T.split('\\n'))])",
    "'\\n'.join(['> ' + line for line in T.split('\\n')])",
    "'\\n'.join(T[i:i+40] for i in range(0, len(T), 40))",
];

/// Some documents each.
fn documents() -> Vec<(&'static str, Vec<String>)> {
    let lines = |line: &dyn Fn(usize) -> String| vec![(0..40).map(line).collect::<Vec<_>>().join("\n")];
    vec![
        (
            "Chinese",
            lines(&|n| {
                format!("第{n}行：公司的\"收入\"为{}万元，设备净额同比增长{}。", n * 7919 % 997, n * 31 % 89)
            }),
        ),
        (
            "German",
            lines(&|n| {
                format!("Größe {n}: für Müller's Straße höchstens {} Meter & \"mehr\".", n * 7919 % 997)
            }),
        ),
        ("Russian", lines(&|n| format!("Запись {n}: судно держало курс <{}>, ёлка видна.", n * 7919 % 997))),
        ("code", lines(&|n| format!("if x{n} < {}:\n    return '\\n' + \"{n}\"", n * 7919 % 997))),
        ("cards", (0..200).map(|n| format!("4111 1111 1111 {n:04}")).collect()),
    ]
}

fn run(context: &[String], program: &str, limit: Option<usize>) -> Ran {
    let program = format!(
        "```python\ndef prepare_jobs(context, prev, outputs):\n    return [JobManifest(chunk='\\n'.join(context), \
         task='Which?', advice='')]\n\ndef transform_outputs(jobs):\n    T = jobs[0].manifest.chunk\n    return {program}\n```"
    );
    let end = json!({"explanation": "e", "decision": "provide_final_answer", "answer": "a", "feedback": null, "scratchpad": null});
    let server = scripted(vec![program, end.to_string()], |request| {
        openai(request, &json!({"explanation": "e", "citation": null, "answer": null}).to_string())
    });
    let params = json!({"task": "Which?", "context": context, "max_rounds": 1});
    let limit = limit.map(|limit| format!("--max-egress-chars={limit}"));
    Program::new().args(limit.as_deref()).run_job(&job(&server, "minions", params))
}

#[test]
fn what_honest_programs_send_is_counted_within_a_twentieth_and_limited() {
    let documents = documents();
    std::thread::scope(|scope| {
        for (name, context) in &documents {
            scope.spawn(move || {
                let all: usize = context.iter().map(|text| text.chars().count()).sum();
                for program in PROGRAMS {
                    let egress: Value = run(context, program, None).result()["egress"].take();
                    let counted = egress["context_chars"].as_u64().unwrap() as usize;
                    assert!(
                        counted * 20 >= all * 19 && counted <= all,
                        "{name}, {program}: {counted} of {all}"
                    );
                    assert!(egress["other_bytes"].as_u64().unwrap() as usize >= counted, "{egress}");
                    let error = run(context, program, Some(counted - 1)).error(1);
                    assert!(error.contains("characters of the documents would have left"), "{error}");
                }
            });
        }
    });
}
