//! The place of this run in an array of runs, as the engine tells that has started it.

use minions::config::Environment;
use minions::error::Failure;

use super::Shard;

/// An engine, and the variables in which it tells a task its place.
struct Engine {
    name: &'static str,
    index: &'static str,
    /// The index of the first task, where that need not be 0.
    first: Option<&'static str>,
    /// The index of the last task.
    last: Option<&'static str>,
    /// What lies between two indexes, where that need not be 1.
    step: Option<&'static str>,
    count: Option<&'static str>,
    /// The index of the task of an array of one.
    lone: u64,
}

/// An array whose tasks are counted from 0.
const fn counted(name: &'static str, index: &'static str, count: &'static str) -> Engine {
    Engine { name, index, first: None, last: None, step: None, count: Some(count), lone: 0 }
}

/// What an engine without a variable for the number of tasks is told of it.
const SHARDS: &str = "SHARDS";

/// The engines that are known.
const ENGINES: [Engine; 11] = [
    Engine {
        name: "Slurm's array",
        index: "SLURM_ARRAY_TASK_ID",
        first: Some("SLURM_ARRAY_TASK_MIN"),
        last: Some("SLURM_ARRAY_TASK_MAX"),
        step: Some("SLURM_ARRAY_TASK_STEP"),
        count: Some("SLURM_ARRAY_TASK_COUNT"),
        lone: 0,
    },
    // The script of a job has SLURM_PROCID, too, which is 0 there; only srun tells the tasks of a step.
    counted("Slurm's srun", "SLURM_PROCID", "SLURM_STEP_NUM_TASKS"),
    counted("a Kubernetes Indexed Job", "JOB_COMPLETION_INDEX", SHARDS),
    counted("AWS Batch", "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"),
    counted("Google Batch", "BATCH_TASK_INDEX", "BATCH_TASK_COUNT"),
    counted("a Cloud Run job", "CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"),
    Engine {
        name: "Grid Engine",
        index: "SGE_TASK_ID",
        first: Some("SGE_TASK_FIRST"),
        last: Some("SGE_TASK_LAST"),
        step: Some("SGE_TASK_STEPSIZE"),
        count: None,
        lone: 1,
    },
    counted("PBS", "PBS_ARRAY_INDEX", SHARDS),
    counted("Torque", "PBS_ARRAYID", SHARDS),
    counted("Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    counted("MPI", "PMI_RANK", "PMI_SIZE"),
];

/// What Grid Engine sets where there is no array.
const UNDEFINED: &str = "undefined";

/// The shard of the one engine that tells of an array, or of several that agree. An array of one task says nothing where
/// another is larger: each task of Slurm's arrays may be a step of one.
///
/// # Errors
/// No engine tells, two disagree, or what one tells is no place in an array without gaps.
pub(super) fn shard(environment: &Environment) -> Result<Shard, Failure> {
    let mut told = Vec::new();
    for engine in &ENGINES {
        told.extend(engine.place(environment)?.map(|shard| (engine, shard)));
    }
    if told.iter().any(|(_, shard)| *shard != Shard::WHOLE) {
        told.retain(|(_, shard)| *shard != Shard::WHOLE);
    }
    let Some((first, shard)) = told.first() else { return Err(none(environment)) };
    if let Some((other, another)) = told.iter().find(|(_, another)| another != shard) {
        let problem = format!(
            "--shard auto: {} says {shard} ({}), and {} says {another} ({})",
            first.name, first.index, other.name, other.index
        );
        return Err(Failure::input(problem).hint("name the shard: --shard INDEX/COUNT"));
    }
    tracing::info!("shard {shard}, as {} says ({})", first.name, first.index);
    Ok(*shard)
}

/// What to say where no engine tells a place.
fn none(environment: &Environment) -> Failure {
    let lacks_count = |engine: &&Engine| {
        engine.count == Some(SHARDS) && environment.get(engine.index).is_some_and(|index| index != UNDEFINED)
    };
    match ENGINES.iter().find(lacks_count) {
        Some(Engine { name, index, .. }) => Failure::input(format!(
            "--shard auto: {name} tells the index ({index}), but not the number of shards"
        ))
        .hint(format!("set {SHARDS} to it, and count the indexes from 0")),
        None => Failure::input("--shard auto: no engine has told this run its place in an array").hint(
            "docs/scale-out.md lists the engines and their variables; elsewhere name it: --shard INDEX/COUNT",
        ),
    }
}

impl Engine {
    /// The place that it tells, if it does.
    fn place(&self, environment: &Environment) -> Result<Option<Shard>, Failure> {
        let number = |name: Option<&str>| {
            let told = name.and_then(|name| Some((name, environment.get(name)?)));
            let told = told.filter(|(_, value)| *value != UNDEFINED);
            told.map(|(name, value)| {
                value.trim().parse::<u64>().map_err(|_| {
                    Failure::input(format!("--shard auto: {name} is {value:?}, which is no index"))
                        .hint("name the shard: --shard INDEX/COUNT")
                })
            })
            .transpose()
        };
        let (index, last, count) = (number(Some(self.index))?, number(self.last)?, number(self.count)?);
        let (first, step) = (number(self.first)?.unwrap_or(0), number(self.step)?.unwrap_or(1).max(1));
        let Some(index) = index else { return Ok(None) };
        let spanned = last.and_then(|last| Some(last.checked_sub(first)? / step + 1));
        let Some(count) = count.or(spanned) else { return Ok(None) };
        // Whoever starts one task of an array again means its shard, not all of the input.
        if count == 1 && index != self.lone {
            let problem =
                format!("--shard auto: {} has one task, whose index is {index} ({})", self.name, self.index);
            return Err(Failure::input(problem).hint(
                "start the whole array again, what is done is not done again; or name the shard: --shard INDEX/COUNT",
            ));
        }
        let from_first = index.checked_sub(first).filter(|from| from % step == 0);
        let place = from_first.filter(|_| spanned.is_none_or(|spanned| spanned == count));
        match place.and_then(|from| Shard::of(from / step, count)) {
            Some(shard) => Ok(Some(shard)),
            None => Err(Failure::input(format!(
                "--shard auto: {} has gaps, or its indexes begin elsewhere: {} is {index}, of {count} tasks",
                self.name, self.index
            ))
            .hint(
                "shards are a whole array, such as 0-7; for some tasks of it name each: --shard INDEX/COUNT",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(variables: &str) -> Result<String, String> {
        let pairs = variables.split_whitespace().filter_map(|pair| pair.split_once('='));
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        shard(&environment).map(|shard| shard.to_string()).map_err(|failure| failure.to_string())
    }

    #[test]
    fn each_engine_tells_its_place() {
        let slurm = |range: &str, id| {
            let [min, max, step, count] = range.split('/').collect::<Vec<_>>()[..] else { unreachable!() };
            format!(
                "SLURM_ARRAY_TASK_ID={id} SLURM_ARRAY_TASK_MIN={min} SLURM_ARRAY_TASK_MAX={max} \
                 SLURM_ARRAY_TASK_STEP={step} SLURM_ARRAY_TASK_COUNT={count} SLURM_PROCID=0 SLURM_NTASKS=2"
            )
        };
        for (variables, place) in [
            (slurm("0/7/1/8", 3), "3/8"),
            (slurm("1/8/1/8", 8), "7/8"),
            (slurm("2/6/2/3", 4), "1/3"),
            (slurm("0/0/1/1", 0), "0/1"),
            ("SLURM_PROCID=1 SLURM_STEP_NUM_TASKS=4 PMI_RANK=1 PMI_SIZE=4".to_owned(), "1/4"),
            ("JOB_COMPLETION_INDEX=7 SHARDS=8".to_owned(), "7/8"),
            ("AWS_BATCH_JOB_ARRAY_INDEX=0 AWS_BATCH_JOB_ARRAY_SIZE=2".to_owned(), "0/2"),
            ("BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=2".to_owned(), "1/2"),
            ("CLOUD_RUN_TASK_INDEX=0 CLOUD_RUN_TASK_COUNT=1".to_owned(), "0/1"),
            ("SGE_TASK_ID=1 SGE_TASK_FIRST=1 SGE_TASK_LAST=1 SGE_TASK_STEPSIZE=1".to_owned(), "0/1"),
            ("SGE_TASK_ID=5 SGE_TASK_FIRST=1 SGE_TASK_LAST=10 SGE_TASK_STEPSIZE=2".to_owned(), "2/5"),
            (
                "SGE_TASK_ID=undefined SGE_TASK_FIRST=undefined BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=2"
                    .to_owned(),
                "1/2",
            ),
            ("PBS_ARRAY_INDEX=2 SHARDS=3".to_owned(), "2/3"),
            ("PBS_ARRAYID=2 SHARDS=3".to_owned(), "2/3"),
            ("OMPI_COMM_WORLD_RANK=2 OMPI_COMM_WORLD_SIZE=3".to_owned(), "2/3"),
            // A step of one task in each task of the array.
            (slurm("0/7/1/8", 3) + " SLURM_STEP_NUM_TASKS=1 PMI_RANK=0 PMI_SIZE=1", "3/8"),
        ] {
            assert_eq!(told(&variables).as_deref(), Ok(place), "{variables}");
        }
    }

    #[test]
    fn what_is_no_place_is_an_error() {
        for (variables, problem) in [
            ("", "no engine"),
            ("SLURM_PROCID=0 SLURM_NTASKS=4", "no engine"),
            ("SGE_TASK_ID=undefined", "no engine"),
            ("JOB_COMPLETION_INDEX=3", "not the number of shards"),
            ("PBS_ARRAY_INDEX=3", "not the number of shards"),
            ("JOB_COMPLETION_INDEX=8 SHARDS=8", "gaps"),
            ("BATCH_TASK_INDEX=x BATCH_TASK_COUNT=2", "\"x\""),
            ("BATCH_TASK_INDEX=1 BATCH_TASK_COUNT=2 PMI_RANK=0 PMI_SIZE=2", "and MPI says 0/2"),
            (
                "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=3 SLURM_ARRAY_TASK_MAX=3 SLURM_ARRAY_TASK_COUNT=1",
                "one task, whose index is 3",
            ),
            ("SGE_TASK_ID=4 SGE_TASK_FIRST=4 SGE_TASK_LAST=4 SGE_TASK_STEPSIZE=1", "one task"),
            (
                "SLURM_ARRAY_TASK_ID=3 SLURM_ARRAY_TASK_MIN=1 SLURM_ARRAY_TASK_MAX=7 SLURM_ARRAY_TASK_COUNT=3",
                "gaps",
            ),
        ] {
            assert!(
                told(variables).is_err_and(|told| told.contains(problem)),
                "{variables}: {:?}",
                told(variables)
            );
        }
    }
}
