//! The energy that this machine took for a job, by its counters; beside it an estimate of the supervisor's, by its tokens.
//!
//! Counters are read where they can be; `--energy` makes what can't be read an error. Nothing is guessed under `joules`.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use minions_machine::cards;
use minions_machine::energy::{Meter, Refusal, remedy};
use serde::Serialize;

use crate::chat::Usage;
use crate::error::Failure;

/// How long the machine is watched before the first call, to know what it takes without the job.
const IDLE: Duration = Duration::from_secs(1);
const JOULES_OF_A_WATT_HOUR: f64 = 3600.0;
/// Epoch AI's reckoning (2025): 100 billion active parameters, twice as many operations for a token, on a card of 989 TFLOP/s that
/// is used to a tenth, with 1050 W for it and what stands around it.
const OPERATIONS: f64 = 2.0 * 100e9;
const OPERATIONS_A_SECOND: f64 = 9.89e14 * 0.10;
const WATTS: f64 = 1050.0;
/// The same with a quarter and with four times the parameters.
const RANGE: f64 = 4.0;

/// What a job took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnergyReport {
    /// The sum of all sources; none where nothing could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joules: Option<f64>,
    /// The same in watt-hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watt_hours: Option<f64>,
    /// Joules a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_watts: Option<f64>,
    /// What the machine would have taken in that time without the job; with `--energy` alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_joules: Option<f64>,
    /// How long it was measured.
    pub seconds: f64,
    /// The counters.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<EnergySource>,
    /// Counters that can't be read: their energy is not in `joules`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<EnergyRefusal>,
    /// What `joules` are of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covers: Option<&'static str>,
    /// How `joules` were found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'static str>,
    /// The supervisor's, which nobody can measure from here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote_estimate: Option<RemoteEnergy>,
}

/// A counter and what it has counted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnergySource {
    /// Its name, such as `rapl:package-0`.
    pub name: String,
    /// Joules.
    pub joules: f64,
}

/// A counter that can't be read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EnergyRefusal {
    /// Its name.
    pub name: String,
    /// Why.
    pub why: String,
}

/// An estimate by tokens.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RemoteEnergy {
    /// Watt-hours for the tokens that were written.
    pub watt_hours: f64,
    /// Whose reckoning it is.
    pub method: &'static str,
    /// The least and the most that is likely.
    pub range: [f64; 2],
}

impl RemoteEnergy {
    /// For the supervisor's tokens.
    fn of(usage: Usage) -> Option<Self> {
        let seconds = usage.completion_tokens as f64 * OPERATIONS / OPERATIONS_A_SECOND;
        let watt_hours = seconds * WATTS / JOULES_OF_A_WATT_HOUR;
        let range = [watt_hours / RANGE, watt_hours * RANGE];
        (usage.completion_tokens > 0).then_some(Self { watt_hours, method: "epoch-2025", range })
    }
}

/// Reads the counters of energy while something runs.
pub struct EnergyWatch {
    stop: Sender<()>,
    thread: JoinHandle<Meter>,
    idle_watts: Option<f64>,
}

impl EnergyWatch {
    /// Begins with the counters below `root`; none where there is nothing to read, and it is not required. Takes a second where
    /// it is.
    ///
    /// # Errors
    /// It is required, and a counter can't be read, or none moves.
    pub fn begin(root: &Path, is_required: bool) -> Result<Option<Self>, Failure> {
        let open = || Meter::open(root, cards::counters());
        let mut idle_watts = None;
        if is_required {
            let mut idle = open();
            check(&idle, root)?;
            thread::sleep(IDLE);
            let taken = idle.taken();
            if taken.is_empty() {
                let problem = "--energy: the counters of energy of this machine stand still";
                return Err(Failure::system(problem).hint(remedy(&[], root)));
            }
            let joules: f64 = taken.iter().map(|taken| taken.joules).sum();
            idle_watts = Some(joules / idle.passed().as_secs_f64());
        }
        let meter = open();
        if meter.is_empty() {
            return Ok(None);
        }
        match Self::watch(meter, idle_watts) {
            Ok(watch) => Ok(Some(watch)),
            Err(error) if is_required => {
                Err(Failure::system(format!("--energy: no thread can be started: {error}")))
            }
            Err(_) => Ok(None),
        }
    }

    /// Reads `meter` in a thread. `idle_watts`: known where it is required.
    fn watch(meter: Meter, idle_watts: Option<f64>) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let watch = move || {
            let mut meter = meter;
            while stopped.recv_timeout(meter.interval()) == Err(RecvTimeoutError::Timeout) {
                meter.read();
            }
            meter
        };
        let thread = thread::Builder::new().name("energy".to_owned()).spawn(watch)?;
        Ok(Self { stop, thread, idle_watts })
    }

    /// What was taken since; none if all counters stood still.
    ///
    /// # Errors
    /// It was required, and there is none.
    pub fn end(self) -> Result<Option<EnergyReport>, Failure> {
        let is_required = self.idle_watts.is_some();
        match self.taken() {
            None if is_required => {
                let problem = "--energy: the counters of energy stood still while it ran";
                Err(Failure::system(problem).hint("leave --energy out"))
            }
            report => Ok(report),
        }
    }

    fn taken(self) -> Option<EnergyReport> {
        let _ = self.stop.send(());
        let mut meter = self.thread.join().ok()?;
        let (taken, seconds) = (meter.taken(), meter.passed().as_secs_f64());
        if taken.is_empty() {
            return None;
        }
        let refused = meter.refusals().iter().cloned();
        let refused = refused.map(|Refusal { name, why }| EnergyRefusal { name, why }).collect();
        let joules: f64 = taken.iter().map(|taken| taken.joules).sum();
        let sources =
            taken.into_iter().map(|taken| EnergySource { name: taken.name, joules: taken.joules }).collect();
        Some(EnergyReport {
            joules: Some(joules),
            watt_hours: Some(joules / JOULES_OF_A_WATT_HOUR),
            average_watts: Some(joules / seconds),
            idle_joules: self.idle_watts.map(|watts| watts * seconds),
            seconds,
            sources,
            refused,
            covers: Some("what these sources count of the whole machine, while the job ran"),
            method: Some("counters"),
            remote_estimate: None,
        })
    }
}

impl EnergyReport {
    /// With the estimate of the supervisor's `usage`, if that runs elsewhere.
    pub(super) fn with_remote(self, usage: Option<Usage>) -> Self {
        Self { remote_estimate: usage.and_then(RemoteEnergy::of), ..self }
    }
}

/// # Errors
/// A counter can't be read, or there is none.
fn check(meter: &Meter, root: &Path) -> Result<(), Failure> {
    let refusals = meter.refusals();
    let problem = match refusals {
        [] if meter.is_empty() => {
            "--energy: this machine has no counter of energy that could be read".to_owned()
        }
        [] => return Ok(()),
        [Refusal { name, why }, ..] => format!("--energy: {name} can't be read: {why}"),
    };
    Err(Failure::system(problem).hint(remedy(refusals, root)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_supervisor_s_energy_is_an_estimate_with_a_range() {
        let of = |tokens| RemoteEnergy::of(Usage::of_call(9000, tokens, 0));
        // Epoch's own example: 500 tokens, 0.3 Wh.
        let told = of(500).unwrap();
        assert!((told.watt_hours - 0.295).abs() < 0.001, "{told:?}");
        assert!(told.range[0] < told.watt_hours && told.watt_hours < told.range[1]);
        assert_eq!(of(0), None);
    }

    #[test]
    fn what_is_required_and_not_there_is_an_error_with_its_remedy() {
        let nothing = tempfile::tempdir().unwrap();
        assert!(
            EnergyWatch::begin(nothing.path(), false).unwrap().is_none()
                || Path::new("/dev/nvidiactl").exists()
        );
        let zone = nothing.path().join("sys/class/powercap/intel-rapl:0");
        fs::create_dir_all(zone.join("energy_uj")).unwrap();
        fs::write(zone.join("name"), "package-0\n").unwrap();
        let failure = EnergyWatch::begin(nothing.path(), true).err().unwrap();
        assert!(failure.message.contains("rapl:package-0 can't be read"), "{failure}");
        assert!(failure.hint.unwrap().contains("chmod a+r /sys/class/powercap"));
        // A virtual machine may show a counter that never moves.
        fs::remove_dir(zone.join("energy_uj")).unwrap();
        fs::write(zone.join("energy_uj"), "5\n").unwrap();
        if !Path::new("/dev/nvidiactl").exists() {
            let failure = EnergyWatch::begin(nothing.path(), true).err().unwrap();
            assert!(failure.message.contains("stand still"), "{failure}");
        }
    }

    #[test]
    fn a_job_has_what_the_counters_have_counted() {
        let machine = tempfile::tempdir().unwrap();
        let zone = machine.path().join("sys/class/powercap/intel-rapl:0");
        fs::create_dir_all(&zone).unwrap();
        fs::write(zone.join("name"), "package-0\n").unwrap();
        fs::write(zone.join("energy_uj"), "1000000\n").unwrap();
        let watch = EnergyWatch::begin(machine.path(), false).unwrap().unwrap();
        fs::write(zone.join("energy_uj"), "3600001000000\n").unwrap();
        let report = watch.end().unwrap().unwrap();
        let package = report.sources.iter().find(|source| source.name == "rapl:package-0").unwrap();
        assert_eq!(package.joules.round(), 3_600_000.0);
        assert!(report.watt_hours.unwrap() >= 1000.0 && report.idle_joules.is_none());
        assert!(report.average_watts.unwrap() > 0.0 && report.method == Some("counters"));
        assert!(report.refused.is_empty(), "{report:?}");
    }

    #[test]
    fn what_may_not_be_read_is_told_beside_the_joules() {
        let machine = tempfile::tempdir().unwrap();
        let zone = |at: usize| {
            let zone = machine.path().join(format!("sys/class/powercap/intel-rapl:{at}"));
            fs::create_dir_all(&zone).unwrap();
            fs::write(zone.join("name"), format!("package-{at}\n")).unwrap();
            zone.join("energy_uj")
        };
        fs::write(zone(0), "1000000\n").unwrap();
        fs::create_dir(zone(1)).unwrap();
        let report = EnergyWatch::begin(machine.path(), false).unwrap().unwrap().end().unwrap().unwrap();
        assert_eq!(report.refused.len(), 1, "{report:?}");
        assert_eq!(report.refused[0].name, "rapl:package-1");
        assert!(report.covers.unwrap().starts_with("what these sources count"));
    }

    #[test]
    fn counters_that_stand_still_while_it_runs_are_an_error_where_energy_is_required() {
        if Path::new("/dev/nvidiactl").exists() {
            return;
        }
        let machine = tempfile::tempdir().unwrap();
        let zone = machine.path().join("sys/class/powercap/intel-rapl:0");
        fs::create_dir_all(&zone).unwrap();
        fs::write(zone.join("name"), "package-0\n").unwrap();
        let counter = zone.join("energy_uj");
        fs::write(&counter, "1\n").unwrap();
        // It moves in the idle second, and not after it.
        let (moved, stop) = mpsc::channel::<()>();
        let mover = thread::spawn({
            let counter = counter.clone();
            move || {
                (2..)
                    .take_while(|_| stop.recv_timeout(IDLE / 50) == Err(RecvTimeoutError::Timeout))
                    .for_each(|at| {
                        let next = counter.with_extension("next");
                        fs::write(&next, format!("{at}\n")).unwrap();
                        fs::rename(next, &counter).unwrap();
                    });
            }
        });
        let watch = EnergyWatch::begin(machine.path(), true).unwrap().unwrap();
        drop(moved);
        mover.join().unwrap();
        let reached = fs::read_to_string(&counter).unwrap();
        assert_eq!(watch.end().unwrap().unwrap().sources.len(), 1, "it has moved until {reached}");
        let watch = EnergyWatch::watch(Meter::open(machine.path(), Vec::new()), Some(1.0)).unwrap();
        thread::sleep(IDLE);
        let failure = watch.end().unwrap_err();
        assert!(failure.message.contains("stood still while it ran"), "{failure}");
    }
}
