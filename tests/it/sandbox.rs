//! The sandbox, in the real executable: what the supervisor's code can do, and that nothing it does gets out.

use minions::sandbox::{Job, JobManifest, JobOutput, Limits, Sandbox, Transformed};

fn sandbox() -> Sandbox {
    Sandbox { program: env!("CARGO_BIN_EXE_minions").into(), limits: Limits::default() }
}

/// A job for each manifest, answered with its number.
fn answered(manifests: &[JobManifest]) -> Vec<Job> {
    let output = |number: usize| JobOutput {
        explanation: format!("because {number}"),
        citation: (number % 2 == 0).then(|| format!("cited {number}")),
        answer: Some(format!("answer {number}")),
    };
    let job = |(number, manifest): (usize, &JobManifest)| Job {
        manifest: manifest.clone(),
        output: output(number),
        sample: format!("raw {number}"),
        include: None,
    };
    manifests.iter().enumerate().map(job).collect()
}

#[tokio::test]
async fn two_functions_share_their_globals() {
    let code = r#"
from typing import List
seen = []

def prepare_jobs(context: List[str], prev_job_manifests=None, prev_job_outputs=None) -> List[JobManifest]:
    jobs = []
    for doc in context:
        for chunk in chunk_by_section(doc, max_chunk_size=4, overlap=0):
            seen.append(chunk)
            jobs.append(JobManifest(chunk=chunk, task="What is it?", advice="look"))
    return jobs

def transform_outputs(jobs):
    for job in jobs:
        job.include = job.output.citation is not None
    return ",".join(seen) + "|" + "\n".join(f"{j.manifest.job_id}: {j.output.answer}" for j in jobs if j.include)
"#;
    let mut session = sandbox().start(code, &["abcdefgh", "abcdxy"]).await.unwrap();
    let manifests = session.prepare_jobs(&[], &[]).await.unwrap();
    let chunks: Vec<_> =
        manifests.iter().map(|m| (m.chunk.as_str(), m.chunk_id, m.task_id, m.job_id)).collect();
    assert_eq!(
        chunks,
        [
            ("abcd", Some(0), Some(0), Some(0)),
            ("efgh", Some(1), Some(0), Some(1)),
            ("abcd", Some(0), Some(0), Some(2)),
            ("xy", Some(2), Some(0), Some(3)),
        ]
    );
    let Transformed { text, include } = session.transform_outputs(&answered(&manifests)).await.unwrap();
    assert_eq!(text, "abcd,efgh,abcd,xy|0: answer 0\n2: answer 2");
    assert_eq!(include, [Some(true), Some(false), Some(true), Some(false)]);
}
